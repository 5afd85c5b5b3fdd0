import { describe, expect, it } from "vitest";
import type { RequestRow } from "../api/ledger";
import { questionOf, setOf } from "./filters";
import { extended, refreshed, spansOf, toneOf } from "./rows";

function row(id: string, change: Partial<RequestRow> = {}): RequestRow {
  return {
    id,
    status: 200,
    end: "complete",
    attempts: [],
    total_ms: 1000,
    ...change,
  } as RequestRow;
}

const ids = (rows: readonly RequestRow[]) => rows.map(({ id }) => id);
const page = (names: string, has_more = false) => ({
  data: [...names].map((name) => row(name)),
  has_more,
  next: null,
  total: null,
});

describe("the rows on the screen", () => {
  const log = { rows: page("fedcba").data, hasMore: true };

  it("take new ones on top and keep the older pages", () => {
    expect(ids(refreshed(log, page("hgfe", true)).rows).join("")).toBe("hgfedcba");
    expect(refreshed(log, page("hgfe", false)).hasMore).toBe(true);
  });

  it("begin anew when a page's worth has come in between", () => {
    const fresh = refreshed(log, page("zyx", true));
    expect([ids(fresh.rows).join(""), fresh.hasMore]).toEqual(["zyx", true]);
  });

  it("are gone when the log is empty now", () => {
    expect(refreshed(log, page("")).rows).toEqual([]);
  });

  it("go on with an older page, none of them twice", () => {
    const longer = extended(log, page("ba98", false));
    expect([ids(longer.rows).join(""), longer.hasMore]).toEqual(["fedcba98", false]);
  });
});

describe("spansOf", () => {
  const attempt = (ms: number) => ({ ms }) as RequestRow["attempts"][number];

  it("puts attempts one after the other, then the stream to the end", () => {
    const spans = spansOf(
      row("a", { attempts: [attempt(100), attempt(400)], first_byte_ms: 500, total_ms: 1000 }),
    );
    expect(spans).toEqual([
      { kind: "attempt", index: 0, start: 0, length: 0.1 },
      { kind: "attempt", index: 1, start: 0.1, length: 0.4 },
      { kind: "stream", index: 1, start: 0.5, length: 0.5 },
    ]);
  });

  it("has no stream where no answer came", () => {
    const spans = spansOf(row("a", { attempts: [attempt(300)], first_byte_ms: null }));
    expect(spans.map(({ kind }) => kind)).toEqual(["attempt"]);
  });

  it("never leaves its line, not even with attempts that ran beside each other", () => {
    const spans = spansOf(
      row("a", { attempts: [attempt(900), attempt(900)], first_byte_ms: 950, total_ms: 1000 }),
    );
    expect(Math.max(...spans.map(({ start, length }) => start + length))).toBeLessThanOrEqual(1);
  });

  it("knows requests that never went out", () => {
    expect(spansOf(row("a", { attempts: [], total_ms: 0, first_byte_ms: null }))).toEqual([]);
  });
});

it.each([
  [200, "complete", "good"],
  [429, "refused", "alert"],
  [404, "complete", "alert"],
  [499, "client_gone", "off"],
  [200, "upstream_broke", "bad"],
  [502, "upstream_broke", "bad"],
])("%i %s is %s", (status, end, tone) => {
  expect(toneOf({ status, end })).toBe(tone);
});

describe("filters", () => {
  const now = Date.parse("2026-11-23T10:00:00Z");

  it("are asked under the API's names, with a time for a length of time", () => {
    expect(questionOf({ status: "error", model: "a/b", time: "1h", range: "7d" }, now)).toEqual({
      status: "error",
      model: "a/b",
      from: "2026-11-23T09:00:00.000Z",
    });
    expect(questionOf({ time: "soon" }, now)).toEqual({});
  });

  it("are those that are set", () => {
    expect(setOf({ key: "ck_1", other: "x" })).toEqual({ key: "ck_1" });
    const reason = { reason: "budget_daily" };
    expect([setOf(reason), questionOf(reason, 0)]).toEqual([reason, reason]);
    // An order is none of them, but the gateway must know it.
    const order = { sort: "cost", order: "desc" };
    expect([setOf(order), questionOf(order, 0)]).toEqual([{}, order]);
  });
});
