//! The client API as the playground uses it: with a client key, like any other client. Owns reading
//! the stream; draws nothing.
import { parseRefusal } from "./failure";
import { list, nullable, number, record, text } from "./read";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** What is known of an answer so far. Times are milliseconds from the call. */
export interface Progress {
  text: string;
  status: number | null;
  channel: string | null;
  attempts: string | null;
  requestId: string | null;
  firstTokenMs: number | null;
  totalMs: number | null;
  promptTokens: number | null;
  completionTokens: number | null;
  /** The gateway's own words. */
  error: string | null;
}

export type ChatFailure = { kind: "network" } | { kind: "stopped" } | { kind: "reported" };

const modelList = record({ data: list(record({ id: text })) });
const usage = record({ prompt_tokens: nullable(number), completion_tokens: nullable(number) });

/** The names of the models that the key may use; `null` and a sentence when there is no list. */
export async function clientModels(key: string): Promise<string[] | string | null> {
  try {
    const response = await fetch("/v1/models", {
      headers: { authorization: `Bearer ${key}` },
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(20_000),
    });
    const body: unknown = await response.json();
    return response.ok
      ? modelList(body, "models").data.map((model) => model.id)
      : parseRefusal(response.status, null, body).message;
  } catch {
    return null;
  }
}

/** Asks and reports after every piece; resolves with what went wrong beyond `error`, or `null`. */
export async function chat(
  key: string,
  model: string,
  messages: Message[],
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<ChatFailure | null> {
  const began = performance.now();
  const progress: Progress = {
    text: "",
    status: null,
    channel: null,
    attempts: null,
    requestId: null,
    firstTokenMs: null,
    totalMs: null,
    promptTokens: null,
    completionTokens: null,
    error: null,
  };
  try {
    const response = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
      credentials: "omit",
      signal,
    });
    progress.status = response.status;
    progress.channel = response.headers.get("x-gateway-channel");
    progress.attempts = response.headers.get("x-gateway-attempts");
    progress.requestId = response.headers.get("x-request-id");
    if (!response.ok || response.body === null) {
      const body = parseJson(await response.text());
      progress.error = parseRefusal(response.status, null, body).message;
      return { kind: "reported" };
    }
    const lines = new Lines();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      for (const line of done ? lines.finish() : lines.push(value)) {
        take(line, progress, began);
      }
      report({ ...progress });
      if (done) {
        return progress.error === null ? null : { kind: "reported" };
      }
    }
  } catch {
    return signal.aborted ? { kind: "stopped" } : { kind: "network" };
  } finally {
    progress.totalMs = performance.now() - began;
    report({ ...progress });
  }
}

/** One line of the stream. Each `data:` line of this protocol is a whole event. */
export function take(line: string, progress: Progress, began: number): void {
  const payload = /^data: ?(.*)$/.exec(line)?.[1];
  if (payload === undefined || payload === "[DONE]") {
    return;
  }
  const chunk = parseJson(payload) as {
    error?: { message?: unknown };
    choices?: { delta?: { content?: unknown } }[];
    usage?: unknown;
  } | null;
  if (chunk?.error) {
    const { message } = chunk.error;
    progress.error = typeof message === "string" ? message : payload;
  }
  const piece = chunk?.choices?.[0]?.delta?.content;
  if (typeof piece === "string" && piece !== "") {
    progress.firstTokenMs ??= performance.now() - began;
    progress.text += piece;
  }
  if (chunk?.usage) {
    const counted = usage(chunk.usage, "usage");
    progress.promptTokens = counted.prompt_tokens;
    progress.completionTokens = counted.completion_tokens;
  }
}

/** Cuts pieces of text into lines. */
export class Lines {
  #rest = "";

  push(piece: string): string[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => line.replace(/\r$/, ""));
  }

  finish(): string[] {
    const last = this.#rest;
    this.#rest = "";
    return last === "" ? [] : [last.replace(/\r$/, "")];
  }
}

function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return null;
  }
}
