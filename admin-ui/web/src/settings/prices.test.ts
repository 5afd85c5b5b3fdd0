import { expect, it } from "vitest";
import { parseSettings } from "../api/types";
import { dollarsOf, microOf, priceRow, pricesOf, rowsOf } from "./prices";

it.each([
  ["2.5", 2_500_000],
  ["0.1", 100_000],
  ["$ 15", 15_000_000],
  ["0,075", 75_000],
  ["0.000001", 1],
  ["1.1", 1_100_000],
  ["", null],
  [" ", null],
  ["-1", "-1"],
  ["cheap", "cheap"],
  ["0.0000001", "0.0000001"],
])("%j dollars are %j", (typed, micro) => {
  expect(microOf(typed)).toBe(micro);
});

it("every amount comes back as it was", () => {
  for (const micro of [0, 1, 15, 75_000, 150_000, 1_100_000, 2_500_000, 999_999_999]) {
    expect(microOf(dollarsOf(micro))).toBe(micro);
  }
});

it("a table is read and sent as it was; empty rows mean nothing", () => {
  const prices = {
    "gpt-4o": { prompt: 2_500_000, cached: 1_250_000, completion: 10_000_000 },
    small: { prompt: 150_000, cached: null, completion: 600_000 },
    claude: {
      prompt: 5_000_000,
      cached: 500_000,
      completion: 25_000_000,
      cache_write: 6_250_000,
      cache_write_1h: 10_000_000,
      reasoning: 20_000_000,
      image: 40_000_000_000,
      second: 11_110_000,
      request: 1,
      tiers: [{ above_prompt_tokens: 200_000, prompt: 10_000_000 }],
      service_tiers: { batch: { percent: 50 } },
      source: "litellm",
    },
  };
  const read = parseSettings({ settings: { prices } }).prices;
  expect(pricesOf([...rowsOf(read), priceRow()])).toEqual(prices);
  expect(rowsOf(read)[2]).toMatchObject({
    image: "0.04",
    second: "0.00001111",
    request: "0.000000000001",
  });
});

it("what is no amount is sent for the gateway to judge", () => {
  expect(pricesOf([{ ...priceRow("m"), prompt: "free", completion: "" }])).toEqual({
    m: { prompt: "free", cached: null, completion: 0 },
  });
});
