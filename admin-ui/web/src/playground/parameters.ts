//! What a request asks of a model beside its messages: as it is typed, checked, and as it is sent. Pure.

export const EFFORTS = ["", "none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type Effort = (typeof EFFORTS)[number];

/** As typed; empty is not sent. */
export interface Parameters {
  temperature: string;
  topP: string;
  maxTokens: string;
  effort: Effort;
  seed: string;
  /** One to a line. */
  stop: string;
  isStreamed: boolean;
}

export const UNSET: Parameters = {
  temperature: "",
  topP: "",
  maxTokens: "",
  effort: "",
  seed: "",
  stop: "",
  isStreamed: true,
};

export type NumberName = "temperature" | "topP" | "maxTokens" | "seed";

/** Least, most, and whether only whole numbers will do. */
export const RANGES: Record<NumberName, readonly [number, number, boolean]> = {
  temperature: [0, 2, false],
  topP: [0, 1, false],
  maxTokens: [1, 10_000_000, true],
  seed: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true],
};

export const MOST_STOPS = 4;

export function isInRange(name: NumberName, typed: string): boolean {
  const text = typed.trim();
  const value = Number(text);
  const [least, most, isWhole] = RANGES[name];
  return (
    text === "" || (value >= least && value <= most && (!isWhole || Number.isSafeInteger(value)))
  );
}

export const stopsOf = (typed: string): string[] => typed.split("\n").filter((line) => line !== "");

/** Whether all of them can be sent. */
export function areValid(of: Parameters): boolean {
  const names = Object.keys(RANGES) as NumberName[];
  return names.every((name) => isInRange(name, of[name])) && stopsOf(of.stop).length <= MOST_STOPS;
}

/** How many are not as they are at first. */
export const countOf = (of: Parameters): number =>
  (Object.keys(UNSET) as (keyof Parameters)[]).filter((name) => of[name] !== UNSET[name]).length;

/** Models that reason by themselves want the other name. */
const COUNTS_COMPLETION = /(?:^|\/)(?:o[1-9]|gpt-[5-9])/;

/** Under the API's names, and only what is set. */
export function membersOf(of: Parameters, model: string): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  const number = (member: string, typed: string) => {
    if (typed.trim() !== "") {
      members[member] = Number(typed);
    }
  };
  number("temperature", of.temperature);
  number("top_p", of.topP);
  number(COUNTS_COMPLETION.test(model) ? "max_completion_tokens" : "max_tokens", of.maxTokens);
  if (of.effort !== "") {
    members["reasoning_effort"] = of.effort;
  }
  number("seed", of.seed);
  const stops = stopsOf(of.stop);
  if (stops.length > 0) {
    members["stop"] = stops;
  }
  if (of.isStreamed) {
    members["stream"] = true;
    members["stream_options"] = { include_usage: true };
  }
  return members;
}
