//! The client API as the playground uses it: with a client key, like any other client. Draws nothing.
import { keepRaw, Lines, nothingYet, type Progress, parseJson, take, takeChunk } from "./answer";
import { parseRefusal } from "./failure";
import { list, record, text } from "./read";

export { Lines, type Progress, type ToolCall } from "./answer";

export type Part =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string } };

export type Message =
  | { role: "system"; content: string }
  | { role: "user"; content: string | Part[] }
  | { role: "assistant"; content: string | null; tool_calls?: object[] }
  | { role: "tool"; tool_call_id: string; content: string };

/** A request: everything that is sent, under the API's names. */
export interface ChatBody {
  model: string;
  messages: Message[];
  stream?: boolean;
  [parameter: string]: unknown;
}

export type ChatFailure = { kind: "network" } | { kind: "stopped" } | { kind: "reported" };

const modelList = record({ data: list(record({ id: text })) });

/** The names of the models that the key may use; why there is no list; `null`: no answer came. */
export async function clientModels(
  key: string,
): Promise<string[] | { status: number; message: string } | null> {
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
      : parseRefusal(response.status, null, body);
  } catch {
    return null;
  }
}

/** Asks and reports after every piece; resolves with what went wrong beyond `error`, or `null`. */
export async function chat(
  key: string,
  body: ChatBody,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<ChatFailure | null> {
  const began = performance.now();
  const progress = nothingYet();
  try {
    const response = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      signal,
    });
    progress.status = response.status;
    progress.channel = response.headers.get("x-gateway-channel");
    progress.attempts = response.headers.get("x-gateway-attempts");
    progress.requestId = response.headers.get("x-request-id");
    if (!response.ok || response.body === null) {
      progress.raw = await response.text();
      progress.error = parseRefusal(response.status, null, parseJson(progress.raw)).message;
      return { kind: "reported" };
    }
    if (body.stream === true) {
      await readStream(response.body, progress, began, report);
    } else {
      const whole = await response.text();
      keepRaw(whole, progress);
      takeChunk(parseJson(whole), whole, progress, began);
    }
    return progress.error === null ? null : { kind: "reported" };
  } catch {
    return signal.aborted ? { kind: "stopped" } : { kind: "network" };
  } finally {
    progress.totalMs = performance.now() - began;
    report({ ...progress });
  }
}

async function readStream(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  progress: Progress,
  began: number,
  report: (progress: Progress) => void,
): Promise<void> {
  const lines = new Lines();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (!done) {
      keepRaw(value, progress);
    }
    for (const line of done ? lines.finish() : lines.push(value)) {
      take(line, progress, began);
    }
    report({ ...progress });
    if (done) {
      return;
    }
  }
}
