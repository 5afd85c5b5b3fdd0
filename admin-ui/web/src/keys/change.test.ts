import { expect, it } from "vitest";
import { parseClientKey } from "../api/types";
import { keyChange, seenKey } from "./change";

const key = parseClientKey({
  id: "ck_1",
  name: "laptop",
  hint: "sk-a…wxyz",
  enabled: true,
  models: [],
  expires_at: "2030-01-31T00:00:30.000Z",
  limits: { requests_per_minute: 5, daily_budget_micro_usd: 1_000_000 },
  created_at: "2026-11-22T00:00:00.000Z",
});

it("sends of a client key only what was changed, limit by limit", () => {
  const before = seenKey(key);
  expect(keyChange(before, seenKey(key))).toEqual({});
  expect(keyChange(before, { ...before, name: "phone" })).toEqual({ name: "phone" });
  expect(
    keyChange(before, { ...before, models: ["m"], "limits.requests_per_minute": null }),
  ).toEqual({ models: ["m"], limits: { requests_per_minute: null } });
  expect(keyChange({}, { name: "new", models: [], "limits.tokens_per_day": 7 })).toEqual({
    name: "new",
    models: [],
    limits: { tokens_per_day: 7 },
  });
});
