//! What is wrong with the values of a form, in the language in force.
import { type Failure, type Problem, problemsOf } from "../api/failure";
import { inLanguage } from "./index";
import { textOf } from "./problem-texts";
import { problemsEn } from "./problems.en";

const texts = inLanguage<typeof problemsEn>(problemsEn, ({ problemsZh }) => problemsZh);

export function problemText(problem: Problem): string {
  return textOf(texts.value, problem);
}

/** What is wrong with each member of `parent`, or of the whole body; what is inside of a member is named. */
export function fieldProblems(failure: Failure | null, parent = ""): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(problemsOf(failure, parent)).map(([member, problems]) => {
      const own = parent === "" ? member : `${parent}.${member}`;
      return [
        member,
        problems.map((problem) =>
          problem.path === own ? problemText(problem) : `${problem.path} ${problemText(problem)}`,
        ),
      ];
    }),
  );
}
