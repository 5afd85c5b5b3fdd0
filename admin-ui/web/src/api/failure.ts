//! What can go wrong with a call, as data: the pages decide how to say it.
import type { Problem } from "../../generated/schema";

export type { Problem };

export type Failure =
  /** No answer came. */
  | { kind: "network" }
  /** An answer came that is not what was agreed. */
  | { kind: "unexpected" }
  /** The gateway refused; `message` is its own sentence. */
  | {
      kind: "refused";
      status: number;
      code: string | null;
      message: string;
      /** What is wrong with single values, if that is why. */
      problems: Problem[];
      /** Seconds, at least 1, from `Retry-After`. */
      retryAfter: number | null;
    };

export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

/** Seconds to wait from `Retry-After`, which holds seconds or a date; `null` if it holds neither. */
export function parseRetryAfter(header: string | null, now: number): number | null {
  if (header === null) {
    return null;
  }
  const text = header.trim();
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : null;
}

/** A refusal from the gateway's error envelope; something readable also without one. */
export function parseRefusal(
  status: number,
  retryAfter: number | null,
  body: unknown,
): Failure & { kind: "refused" } {
  const envelope = (body as { error?: unknown } | null)?.error;
  const error = (typeof envelope === "object" ? envelope : null) as {
    code?: unknown;
    message?: unknown;
    details?: unknown;
  } | null;
  return {
    kind: "refused",
    status,
    code: typeof error?.code === "string" ? error.code : null,
    message: typeof error?.message === "string" ? error.message : `HTTP ${status}`,
    problems: Array.isArray(error?.details) ? error.details.filter(isProblem) : [],
    retryAfter,
  };
}

/** Codes and values that only a newer gateway has are kept: there is the message for them. */
function isProblem(value: unknown): value is Problem {
  const { path, code, message } = (value ?? {}) as Record<string, unknown>;
  return [path, code, message].every((member) => typeof member === "string");
}

/** The problems of each member of `parent` by its name; without `parent`, of the whole body. */
export function problemsOf(failure: Failure | null, parent = ""): Record<string, Problem[]> {
  const found: Record<string, Problem[]> = {};
  const prefix = parent === "" ? "" : `${parent}.`;
  for (const problem of failure?.kind === "refused" ? failure.problems : []) {
    const [member = ""] = problem.path.slice(prefix.length).split(/[.[]/);
    if (problem.path.startsWith(prefix) && member !== "") {
      found[member] = [...(found[member] ?? []), problem];
    }
  }
  return found;
}
