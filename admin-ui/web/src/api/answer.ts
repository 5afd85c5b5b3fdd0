//! An answer to a chat completion as it is put together, from a stream or from a whole body. Pure: asks nobody.
import { nullable, number, record } from "./read";

export interface ToolCall {
  id: string;
  name: string;
  /** JSON, as the model wrote it. */
  arguments: string;
}

/** What is known of an answer so far. Times are milliseconds from the call. */
export interface Progress {
  text: string;
  /** What the model thought before, where the upstream says it. */
  reasoning: string;
  calls: ToolCall[];
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
  /** What came, as it came; its beginning if it is long. */
  raw: string;
}

/** More of an answer than this is not kept as it came. */
const MOST_RAW_CHARS = 200_000;

export const nothingYet = (): Progress => ({
  text: "",
  reasoning: "",
  calls: [],
  status: null,
  channel: null,
  attempts: null,
  requestId: null,
  firstTokenMs: null,
  totalMs: null,
  promptTokens: null,
  completionTokens: null,
  error: null,
  raw: "",
});

const usage = record({ prompt_tokens: nullable(number), completion_tokens: nullable(number) });

/** A `message` of a whole answer, or a `delta` of a stream. */
interface Piece {
  content?: unknown;
  reasoning_content?: unknown;
  reasoning?: unknown;
  tool_calls?: {
    index?: number;
    id?: unknown;
    function?: { name?: unknown; arguments?: unknown };
  }[];
}

export function keepRaw(piece: string, progress: Progress): void {
  progress.raw += piece.slice(0, Math.max(0, MOST_RAW_CHARS - progress.raw.length));
}

/** One line of the stream. Each `data:` line of this protocol is a whole event. */
export function take(line: string, progress: Progress, began: number): void {
  const payload = /^data: ?(.*)$/.exec(line)?.[1];
  if (payload !== undefined && payload !== "[DONE]") {
    takeChunk(parseJson(payload), payload, progress, began);
  }
}

/** A whole answer, or one event of a stream. */
export function takeChunk(body: unknown, text: string, progress: Progress, began: number): void {
  const chunk = body as {
    error?: { message?: unknown };
    choices?: { delta?: Piece; message?: Piece }[];
    usage?: unknown;
  } | null;
  if (chunk?.error) {
    const { message } = chunk.error;
    progress.error = typeof message === "string" ? message : text;
  }
  const choice = chunk?.choices?.[0];
  const piece = choice?.delta ?? choice?.message;
  if (piece) {
    takePiece(piece, progress, began);
  }
  if (chunk?.usage) {
    const counted = usage(chunk.usage, "usage");
    progress.promptTokens = counted.prompt_tokens;
    progress.completionTokens = counted.completion_tokens;
  }
}

function takePiece(piece: Piece, progress: Progress, began: number): void {
  const text = written(piece.content);
  const reasoning = written(piece.reasoning_content ?? piece.reasoning);
  const calls = piece.tool_calls ?? [];
  if (text !== "" || reasoning !== "" || calls.length > 0) {
    progress.firstTokenMs ??= performance.now() - began;
  }
  progress.text += text;
  progress.reasoning += reasoning;
  for (const [place, call] of calls.entries()) {
    const at = call.index ?? place;
    const known = progress.calls[at] ?? { id: "", name: "", arguments: "" };
    const next = {
      id: known.id || written(call.id),
      name: known.name || written(call.function?.name),
      arguments: known.arguments + written(call.function?.arguments),
    };
    progress.calls = progress.calls.toSpliced(at, 1, next);
  }
}

const written = (value: unknown): string => (typeof value === "string" ? value : "");

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

export function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return null;
  }
}
