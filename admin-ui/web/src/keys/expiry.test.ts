import { expect, it } from "vitest";
import { expiryOf } from "./expiry";

const NOW = Date.parse("2026-11-22T00:00:00Z");

it.each([
  [null, "never"],
  ["2026-11-22T00:00:00Z", "over"],
  ["2026-11-21T00:00:00Z", "over"],
  ["2026-11-22T00:00:01Z", "soon"],
  ["2026-11-28T23:59:59Z", "soon"],
  ["2026-11-29T00:00:00Z", "later"],
] as const)("%s is %s", (expires_at, expected) => {
  expect(expiryOf({ expires_at }, NOW)).toBe(expected);
});
