import { describe, expect, it } from "vitest";
import type { UsageRow } from "../api/ledger";
import {
  COLOURED,
  change,
  lineOf,
  MEASURES,
  membersOf,
  moved,
  orderOf,
  RANGES,
  rangeOf,
  SORTS,
  sorted,
  swatch,
} from "./figures";
import { exportQuestion } from "./load-usage";
import { usageRow } from "./usage-row";

const NOW = Date.parse("2026-11-23T10:20:30Z");

function row(model: string, change: Partial<UsageRow>): UsageRow {
  return usageRow({ model, ...change });
}

describe("the period before", () => {
  it.each(RANGES)("of %s is as long and ends where this one begins", (name) => {
    const { from, to, formerFrom } = rangeOf(name, NOW);
    expect(Date.parse(from) - Date.parse(formerFrom)).toBe(Date.parse(to) - Date.parse(from));
  });

  it("is drawn at the times of the buckets that it is compared with", () => {
    const range = rangeOf("24h", NOW);
    const before = moved(
      [
        row("m", { bucket: "2026-11-21T11:00:00Z", requests: 3 }),
        row("m", { bucket: "2026-11-22T10:00:00Z", requests: 4 }),
      ],
      range,
    );
    const line = lineOf(before, range.times, ({ requests }) => requests);
    expect([line[0], line.at(-1)]).toEqual([3, 4]);
    expect(line.filter((value) => value !== null)).toHaveLength(2);
  });

  it("gives a change only where there was something", () => {
    expect(change(150, 100)).toBe(0.5);
    expect(change(0, 4)).toBe(-1);
    expect(change(7, 7)).toBe(0);
    expect(change(7, 0)).toBeNull();
  });
});

describe("the order of members", () => {
  const rows = [
    row("alpha", { requests: 5, cost_micro_usd: 10, prompt_tokens: 9 }),
    row("beta", { requests: 9, errors: 2, cost_micro_usd: 1, completion_tokens: 30 }),
    row("gamma", { requests: 1, cost_micro_usd: 99 }),
    row("", { model: null, other: true, requests: 50, cost_micro_usd: 500 }),
  ];
  const names = (order: ReturnType<typeof orderOf>) =>
    sorted(membersOf(rows, "model"), order).map(({ name, isRest }) => (isRest ? "rest" : name));

  it.each([
    ["cost", "desc", ["gamma", "alpha", "beta", "rest"]],
    ["cost", "asc", ["beta", "alpha", "gamma", "rest"]],
    ["errors", "desc", ["beta", "alpha", "gamma", "rest"]],
    ["tokensIn", "desc", ["alpha", "beta", "gamma", "rest"]],
    ["tokensOut", "desc", ["beta", "alpha", "gamma", "rest"]],
    ["name", "asc", ["alpha", "beta", "gamma", "rest"]],
    ["name", "desc", ["gamma", "beta", "alpha", "rest"]],
    ["nonsense", "", ["beta", "alpha", "gamma", "rest"]],
  ])("by %s %s keeps the rest at the end", (sort, order, expected) => {
    expect(names(orderOf({ sort, order }))).toEqual(expected);
  });

  it("has the members first in the charts that are first in the table", () => {
    const first = membersOf(rows, "model", MEASURES.cost).map(({ name }) => name);
    expect(first).toEqual(["gamma", "alpha", "beta", null]);
    for (const sort of SORTS) {
      expect(MEASURES[sort]).toBeTruthy();
    }
  });

  it("gives each of the first members its own colour", () => {
    const swatches = Array.from({ length: COLOURED + 1 }, (_, index) => swatch(index));
    expect(new Set(swatches).size).toBe(COLOURED + 1);
    expect(COLOURED).toBeGreaterThan(5);
  });
});

describe("exportQuestion", () => {
  const order = orderOf({ sort: "tokensOut" });
  const range = "30d" as const;

  it("has the filters of the page, and every member by the bucket of the charts", () => {
    const question = exportQuestion({ range, group: "key", filters: { tag: "blue" }, order });
    expect(question).toMatchObject({ bucket: "day", group: "key", by: "tokens", tag: "blue" });
    expect(question).not.toHaveProperty("top");
  });

  it("can be about the whole span", () => {
    const question = exportQuestion({ range, group: "reason", filters: {}, order }, "total");
    expect(question).toMatchObject({ bucket: "total", group: "reason" });
  });
});
