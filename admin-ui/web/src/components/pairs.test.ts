import { expect, it } from "vitest";
import { linesOf, namesFor } from "./pairs";

it("lines are trimmed, and empty ones left out", () => {
  expect(linesOf(" 10.0.0.0/8 \r\n\n\tfd00::/8\n")).toEqual(["10.0.0.0/8", "fd00::/8"]);
  expect(linesOf(" \n")).toEqual([]);
});

it("a row has its own name and those of no other row to choose from", () => {
  const names = ["a", "b", "c"];
  const pairs = [
    { row: 1, name: "b", value: "" },
    { row: 2, name: "new", value: "" },
    { row: 3, name: "", value: "" },
  ];
  expect(namesFor("b", names, pairs)).toEqual(["a", "b", "c"]);
  expect(namesFor("new", names, pairs)).toEqual(["new", "a", "c"]);
  expect(namesFor("", names, pairs)).toEqual(["a", "c"]);
});
