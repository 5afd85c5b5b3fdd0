import { expect, it } from "vitest";
import { MOST, Selection } from "./selection";

const ORDER = ["a", "b", "c", "d", "e"];
const chosen = (selection: Selection) => [...selection.ids.value].sort().join("");

it("chooses rows one by one, and takes the choice back", () => {
  const selection = new Selection();
  selection.choose("b", true);
  selection.choose("d", true);
  expect(chosen(selection)).toBe("bd");
  selection.choose("b", false);
  expect(chosen(selection)).toBe("d");
  expect(selection.has("d")).toBe(true);
});

it("chooses ranges in both directions, from the row that was chosen last", () => {
  const selection = new Selection();
  selection.choose("d", true);
  selection.choose("b", true, ORDER);
  expect(chosen(selection)).toBe("bcd");
  selection.choose("e", true, ORDER);
  expect(chosen(selection)).toBe("bcde");
  selection.choose("c", false, ORDER);
  expect(chosen(selection)).toBe("b");
});

it("takes a row alone where a range has no beginning in the list", () => {
  const selection = new Selection();
  selection.choose("c", true, ORDER);
  expect(chosen(selection)).toBe("c");
  selection.choose("gone", true);
  selection.choose("e", true, ORDER);
  expect(chosen(selection)).toBe("cegone");
});

it("holds no more than one call may change", () => {
  const ids = Array.from({ length: MOST + 5 }, (_, number) => `x${number}`);
  const selection = new Selection();
  selection.set(ids);
  expect(selection.size).toBe(MOST);
  selection.choose("one more", true);
  expect(selection.size).toBe(MOST);
  selection.choose("x0", false);
  selection.choose("one more", true);
  expect(selection.has("one more")).toBe(true);
});

it("forgets what is gone, and everything", () => {
  const selection = new Selection();
  selection.set(ORDER);
  const before = selection.ids.value;
  selection.drop(["x"]);
  expect(selection.ids.value).toBe(before);
  selection.drop(["a", "c"]);
  expect(chosen(selection)).toBe("bde");
  selection.clear();
  expect(selection.size).toBe(0);
});
