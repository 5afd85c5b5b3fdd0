//! Changes of many objects that were made, with the way back: the gateway says what was before, and takes it back in one
//! call. Draws nothing.
import { changeMany } from "../api/client";
import type { Failure, Problem } from "../api/failure";
import { isStale } from "../conflict/stale";
import { UNDO_MS } from "../undo";
import { type MadeChange, madeChanges } from "./made";

const timers = new Map<number, ReturnType<typeof setTimeout>>();
let lastNumber = 0;

export function offerUndo(made: Pick<MadeChange, "noun" | "text" | "changed" | "onUndone">): void {
  lastNumber += 1;
  // One at a time: an older change could only be undone before a newer one of the same objects.
  for (const { number } of madeChanges.value) {
    pauseOffer(number);
  }
  madeChanges.value = [{ ...made, number: lastNumber, failure: null }];
  resumeOffer(lastNumber);
}

export function endOffer(number: number): void {
  pauseOffer(number);
  madeChanges.value = madeChanges.value.filter((one) => one.number !== number);
}

/** While someone considers it, the time is paused. */
export function pauseOffer(number: number): void {
  clearTimeout(timers.get(number));
  timers.delete(number);
}

export function resumeOffer(number: number): void {
  pauseOffer(number);
  const made = madeChanges.value.find((one) => one.number === number);
  if (made?.failure === null) {
    timers.set(
      number,
      setTimeout(() => endOffer(number), UNDO_MS),
    );
  }
}

/** Undoes a change where nothing was changed since, or `anyway`. */
export async function undoChange(number: number, anyway = false): Promise<void> {
  const made = madeChanges.value.find((one) => one.number === number);
  if (made === undefined) {
    return;
  }
  pauseOffer(number);
  const changes = made.changed.map(({ id, revision, former }) => ({
    id,
    change: former ?? {},
    ...(anyway || revision === null ? {} : { revision }),
  }));
  const result = await changeMany(made.noun, { changes });
  if (result.ok) {
    endOffer(number);
    made.onUndone();
    return;
  }
  madeChanges.value = madeChanges.value.map((one) =>
    one.number === number ? { ...one, failure: result.failure } : one,
  );
}

export const wasOverwritten = (failure: Failure | null) => failure !== null && isStale(failure);

/** The failure of a bulk change, with the objects' names in the place of their numbers in the request. */
export function withNames(
  failure: Failure,
  ids: readonly string[],
  nameOf: (id: string) => string | null,
): Failure {
  if (failure.kind !== "refused") {
    return failure;
  }
  const problems = failure.problems.map((problem): Problem => {
    const [all = "", index] = /^ids\[(\d+)\]\.?/.exec(problem.path) ?? [];
    const id = ids[Number(index)];
    if (index === undefined || id === undefined) {
      return problem;
    }
    const path = `${nameOf(id) ?? id} ${problem.path.slice(all.length)}`.trim();
    return { ...problem, path };
  });
  return { ...failure, problems };
}
