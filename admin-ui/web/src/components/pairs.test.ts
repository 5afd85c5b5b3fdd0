import { expect, it } from "vitest";
import { jsonMapOf, jsonPairsOf, linesOf, listMapOf, listPairsOf, namesFor, pair } from "./pairs";

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

it("values of any type are typed as JSON or as plain text", () => {
  const map = { a: 0.5, b: "high", c: "7", d: { e: [null, "x"] }, f: " ", g: "", h: "{" };
  const pairs = jsonPairsOf(map);
  expect(pairs.map(({ value }) => value)).toEqual([
    "0.5",
    "high",
    '"7"',
    '{"e":[null,"x"]}',
    '" "',
    "",
    "{",
  ]);
  expect(jsonMapOf(pairs)).toEqual(map);
});

it("lists of names are separated by commas", () => {
  const map = { smart: ["large", "small"], fast: ["small"] };
  expect(listPairsOf(map).map(({ value }) => value)).toEqual(["large, small", "small"]);
  expect(listMapOf(listPairsOf(map))).toEqual(map);
  expect(listMapOf([pair("a", " b,, c "), pair("", ""), pair("d", "")])).toEqual({
    a: ["b", "c"],
    d: [],
  });
});
