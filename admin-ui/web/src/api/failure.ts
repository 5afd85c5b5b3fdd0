//! What can go wrong with a call, as data: the pages decide how to say it.

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
  } | null;
  return {
    kind: "refused",
    status,
    code: typeof error?.code === "string" ? error.code : null,
    message: typeof error?.message === "string" ? error.message : `HTTP ${status}`,
    retryAfter,
  };
}

/** What is wrong with single fields: field to sentences. The gateway names the path of each,
 * "`keys[1]` must …; `name` …"; what it names no path for is not here. */
export function fieldProblems(failure: Failure | null): Record<string, string[]> {
  const problems: Record<string, string[]> = {};
  if (failure?.kind !== "refused" || (failure.status !== 400 && failure.status !== 422)) {
    return problems;
  }
  const [, told] = failure.message.split(/ is not valid: /, 2);
  for (const sentence of (told ?? "").replace(/\.$/, "").split(/; (?=`)/)) {
    const [, path, rest] = /^`([^`]+)` (.*)$/s.exec(sentence) ?? [];
    const field = path?.split(/[.[]/)[0];
    if (path === undefined || rest === undefined || field === undefined) {
      continue;
    }
    const shown = path === field ? rest : `${path} ${rest}`;
    problems[field] = [...(problems[field] ?? []), shown];
  }
  return problems;
}
