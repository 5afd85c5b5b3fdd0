//! Finding out what is there now, once a change was refused because it is not what was loaded. Judges nothing.
import type { Failure, Result } from "../api/failure";

/** What became of an object meanwhile; `null`: it is gone. */
export type Now<T> = { theirs: T | null };

export function isStale(failure: Failure): boolean {
  return failure.kind === "refused" && failure.status === 412;
}

export function isGone(failure: Failure): boolean {
  return failure.kind === "refused" && failure.status === 404;
}

/** What is there now if `failure` says that it has changed or gone; else, or if it cannot be had, a failure. */
export async function now<T>(
  failure: Failure,
  show: () => Promise<Result<T>>,
): Promise<Result<Now<T>>> {
  if (isGone(failure)) {
    return { ok: true, value: { theirs: null } };
  }
  if (!isStale(failure)) {
    return { ok: false, failure };
  }
  const shown = await show();
  if (shown.ok) {
    return { ok: true, value: { theirs: shown.value } };
  }
  return isGone(shown.failure) ? { ok: true, value: { theirs: null } } : shown;
}
