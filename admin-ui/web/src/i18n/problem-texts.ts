//! The texts for what is wrong with a value: one for every code of the API, or this does not compile. Pure.
import type { Problem } from "../api/failure";

type Values<P> = P extends { values: infer V } ? V : Record<never, never>;

export type ProblemTexts = {
  [Code in Problem["code"]]: (values: Values<Extract<Problem, { code: Code }>>) => string;
};

/** The rule that a value breaks; of a code that only a newer gateway has, the gateway's own sentence. */
export function textOf(texts: ProblemTexts, problem: Problem): string {
  const known: Readonly<Record<string, ((values: never) => string) | undefined>> = texts;
  const values = "values" in problem ? problem.values : {};
  return known[problem.code]?.(values as never) ?? problem.message;
}
