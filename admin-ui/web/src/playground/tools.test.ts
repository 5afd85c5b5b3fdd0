import { expect, it } from "vitest";
import { EXAMPLE, readTools } from "./tools";

const named = (name: unknown) => ({ type: "function", function: { name } });

it("takes what a request takes", () => {
  expect(readTools("  ")).toEqual({ tools: [], problem: null });
  expect(readTools(EXAMPLE).tools).toHaveLength(1);
  const tools = [named("a"), named("b-2_C"), { type: "web_search" }];
  expect(readTools(JSON.stringify(tools))).toEqual({ tools, problem: null });
});

it.each([
  [{}, { kind: "list" }],
  [[named("a"), null], { kind: "type", at: 2 }],
  [[{ function: { name: "a" } }], { kind: "type", at: 1 }],
  [[{ type: "function", name: "a" }], { kind: "name", at: 1 }],
  [[named("two words")], { kind: "name", at: 1 }],
  [[named("a"), named("a")], { kind: "twice", name: "a" }],
  [[{ type: "function", function: { name: "a", parameters: [] } }], { kind: "parameters", at: 1 }],
  [
    [{ type: "function", function: { name: "a", parameters: null } }],
    { kind: "parameters", at: 1 },
  ],
])("says what is wrong with %j", (typed, problem) => {
  expect(readTools(JSON.stringify(typed))).toEqual({ tools: null, problem });
});

it("says where JSON ends to be JSON", () => {
  const { problem } = readTools("[{]");
  expect(problem?.kind).toBe("json");
  expect(problem).toMatchObject({ message: expect.stringContaining("JSON") });
});
