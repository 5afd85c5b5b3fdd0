import { expect, it } from "vitest";
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
  };
  expect(pricesOf([...rowsOf(prices), priceRow()])).toEqual(prices);
});

it("what is no amount is sent for the gateway to judge", () => {
  expect(pricesOf([{ ...priceRow("m"), prompt: "free", completion: "" }])).toEqual({
    m: { prompt: "free", cached: null, completion: 0 },
  });
});
