import { describe, expect, it } from "vitest";
import { changedMembers, differences } from "./changes";

describe("changed members", () => {
  it("are those that differ, whatever the order of an object's members", () => {
    const before = { a: 1, b: { x: 1, y: 2 }, c: ["m"], d: null };
    expect(changedMembers(before, { a: 1, b: { y: 2, x: 1 }, c: ["m"], d: null })).toEqual({});
    expect(changedMembers(before, { a: 2, b: { x: 1 }, c: ["m", "n"], d: 0 })).toEqual({
      a: 2,
      b: { x: 1 },
      c: ["m", "n"],
      d: 0,
    });
  });
});

describe("differences", () => {
  it("say who changed what", () => {
    const before = { weight: 1, name: "One", models: ["a"], enabled: true };
    const theirs = { ...before, models: ["a", "b"], name: "Two" };
    const mine = { ...before, weight: 7, name: "Three" };
    expect(differences(before, theirs, mine)).toEqual([
      { name: "weight", before: "1", theirs: null, mine: "7" },
      { name: "name", before: "One", theirs: "Two", mine: "Three" },
      { name: "models", before: "a", theirs: "a, b", mine: null },
    ]);
    expect(differences(before, before, before)).toEqual([]);
  });
});
