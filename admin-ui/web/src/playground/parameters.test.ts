import { describe, expect, it } from "vitest";
import { areValid, countOf, isInRange, membersOf, type Parameters, UNSET } from "./parameters";

const withThese = (some: Partial<Parameters>): Parameters => ({ ...UNSET, ...some });

describe("what is sent", () => {
  it("is what is set, and nothing else", () => {
    expect(membersOf(withThese({ isStreamed: false }), "m")).toEqual({});
    expect(membersOf(UNSET, "m")).toEqual({
      stream: true,
      stream_options: { include_usage: true },
    });
    const all = withThese({
      temperature: "0",
      topP: " 0.5 ",
      maxTokens: "20",
      effort: "low",
      seed: "-7",
      stop: "\n\nEND\n a ",
      isStreamed: false,
    });
    expect(membersOf(all, "gpt-4o")).toEqual({
      temperature: 0,
      top_p: 0.5,
      max_tokens: 20,
      reasoning_effort: "low",
      seed: -7,
      stop: ["END", " a "],
    });
  });

  it.each([
    ["o3-mini", "max_completion_tokens"],
    ["openai/gpt-5.1", "max_completion_tokens"],
    ["gpt-4o", "max_tokens"],
    ["qwen-o1", "max_tokens"],
  ])("limits %s by %s", (model, member) => {
    const sent = membersOf(withThese({ maxTokens: "9", isStreamed: false }), model);
    expect(sent).toEqual({ [member]: 9 });
  });
});

describe("what is typed", () => {
  it.each([
    ["temperature", "2", true],
    ["temperature", "2.1", false],
    ["temperature", "warm", false],
    ["topP", "-0.1", false],
    ["maxTokens", "0", false],
    ["maxTokens", "1.5", false],
    ["seed", "", true],
    ["seed", "-1", true],
    ["seed", "9007199254740993", false],
  ] as const)("%s %s: %s", (name, typed, isRight) => {
    expect(isInRange(name, typed)).toBe(isRight);
    expect(areValid(withThese({ [name]: typed }))).toBe(isRight);
  });

  it("has at most four stop sequences, and is counted", () => {
    expect(areValid(withThese({ stop: "a\nb\nc\nd\n" }))).toBe(true);
    expect(areValid(withThese({ stop: "a\nb\nc\nd\ne" }))).toBe(false);
    expect(countOf(UNSET)).toBe(0);
    expect(countOf(withThese({ seed: "1", isStreamed: false }))).toBe(2);
  });
});
