import { describe, expect, it } from "vitest";
import type { AuditEntry } from "../api/ledger";
import { auditPageEn } from "../i18n/audit-page.en";
import { auditPageZh } from "../i18n/audit-page.zh";
import { pageOf, questionOf, setOf, summaryOf, valuesOf } from "./entries";

function entry(members: Partial<AuditEntry>): AuditEntry {
  return {
    id: "aud_1",
    time: "2026-11-22T00:00:00.000Z",
    who: "admin",
    address: null,
    action: "change",
    kind: "channel",
    object: "ch_1",
    name: "One",
    changes: [],
    omitted: 0,
    ...members,
  };
}

const change = (path: string) => ({ path, before: 1, after: 2, partial: null });

describe("the question", () => {
  it("has the filters of the address and a time for a span", () => {
    const query = { q: "x", kind: "key", object: "ck_1", time: "7d", other: "y" };
    const now = Date.parse("2026-11-22T00:00:00Z");
    expect(questionOf(query, now)).toEqual({
      q: "x",
      kind: "key",
      object: "ck_1",
      from: "2026-11-15T00:00:00.000Z",
    });
    expect(questionOf({ time: "nonsense" }, now)).toEqual({});
    expect(setOf(query)).toEqual({ q: "x", kind: "key", object: "ck_1", time: "7d" });
  });
});

describe("a row", () => {
  it("names the first members that changed", () => {
    const changes = ["a", "b", "c", "d", "e"].map(change);
    expect(summaryOf(entry({ changes, omitted: 7 }))).toEqual({ paths: "a, b, c", more: 9 });
    expect(summaryOf(entry({ changes: [change("a")] }))).toEqual({ paths: "a", more: 0 });
    expect(summaryOf(entry({}))).toEqual({ paths: "", more: 0 });
  });

  it("leads to its object while there may be one", () => {
    expect(pageOf(entry({}))).toBe("channels");
    expect(pageOf(entry({ kind: "key" }))).toBe("keys");
    expect(pageOf(entry({ action: "delete" }))).toBe(null);
    expect(pageOf(entry({ kind: "settings", object: null }))).toBe(null);
    expect(pageOf(entry({ kind: "session", object: null }))).toBe(null);
  });
});

describe("a change", () => {
  it("shows both values as texts", () => {
    expect(valuesOf({ ...change("a"), before: null, after: ["x", "y"] })).toEqual([null, "x, y"]);
    expect(valuesOf({ ...change("a"), before: false, after: { b: 1, a: 2 } })).toEqual([
      "false",
      '{"a":2,"b":1}',
    ]);
  });
});

describe("texts", () => {
  it("are translated", () => {
    const { action, kind, ...others } = auditPageZh;
    const pairs: [unknown, unknown][] = [
      ...Object.entries(others).map(([name, text]) => pair(text, auditPageEn, name)),
      ...Object.entries(action).map(([name, text]) => pair(text, auditPageEn.action, name)),
      ...Object.entries(kind).map(([name, text]) => pair(text, auditPageEn.kind, name)),
    ];
    for (const [zh, en] of pairs) {
      expect(zh).not.toBe("");
      expect(zh).not.toBe(en);
    }
  });
});

function pair(zh: unknown, en: object, name: string): [unknown, unknown] {
  return [zh, (en as Record<string, unknown>)[name]];
}
