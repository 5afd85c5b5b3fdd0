import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Question } from "./conversation";
import * as state from "./state";

interface Sent {
  key: string;
  body: { model: string; messages: unknown[] };
  push: (event: object) => void;
  end: () => void;
}

/** The requests that the gateway has, as a test answers them; the key that it hands out and accepts. */
let sent: Sent[];
let accepted: string;
let handedOut: string;
let rows: object[];

const encoder = new TextEncoder();

function fakeFetch(url: string, options: RequestInit = {}): Promise<Response> {
  if (url.startsWith("/admin/api/playground/key")) {
    return Promise.resolve(Response.json(createdKey()));
  }
  if (url.startsWith("/admin/api/requests")) {
    return Promise.resolve(Response.json({ data: rows, has_more: false }));
  }
  const key = new Headers(options.headers).get("authorization")?.replace("Bearer ", "") ?? "";
  const body = JSON.parse(String(options.body));
  if (key !== accepted) {
    sent.push({ key, body, push: () => undefined, end: () => undefined });
    const error = { message: "Unknown key.", code: "invalid_api_key" };
    return Promise.resolve(Response.json({ error }, { status: 401 }));
  }
  let stream!: ReadableStreamDefaultController<Uint8Array>;
  const answer = new ReadableStream<Uint8Array>({
    start(controller) {
      stream = controller;
    },
  });
  options.signal?.addEventListener("abort", () => stream.error(new Error("aborted")));
  sent.push({
    key,
    body,
    push: (event) => stream.enqueue(encoder.encode(`data: ${JSON.stringify(event)}\n\n`)),
    end: () => stream.close(),
  });
  return Promise.resolve(new Response(answer, { headers: { "x-request-id": "req_1" } }));
}

const createdKey = () => ({
  id: "ck_playground",
  name: "Playground",
  hint: "sk-…",
  enabled: true,
  models: [],
  expires_at: new Date(Date.now() + 30 * 60_000).toISOString(),
  limits: {},
  created_at: "2026-11-22T00:00:00Z",
  last_used_at: null,
  key: handedOut,
});

const text = (content: string) => ({ choices: [{ delta: { content } }] });
const until = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 10 });
const answersOf = (turn: number) => state.turns.value[turn]?.answers ?? [];
const textOf = (turn: number, place: number) =>
  answersOf(turn)[place]?.state.value.progress.text ?? null;

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 200 });
  sent = [];
  accepted = "sk-typed";
  handedOut = "sk-own";
  rows = [];
  vi.stubGlobal("fetch", fakeFetch);
  state.clear();
  state.clientKey.value = "sk-typed";
  state.models.value = ["a"];
  state.system.value = "";
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const hello: Question = { kind: "message", text: "Hello", images: [] };

describe("several models", () => {
  it("get the same message, and each has an answer and a conversation of its own", async () => {
    state.models.value = ["a", "", "b"];
    const first = state.ask(hello);
    await until(() => expect(sent).toHaveLength(2));
    expect(sent.map(({ body }) => body.model)).toEqual(["a", "b"]);
    sent[1]?.push(text("from b"));
    await until(() => expect(textOf(0, 1)).toBe("from b"));
    expect(textOf(0, 0)).toBe("");
    expect(state.isRunning.value).toBe(true);
    sent[0]?.push(text("from a"));
    sent[0]?.end();
    sent[1]?.end();
    await first;
    expect(state.isRunning.value).toBe(false);

    void state.ask({ kind: "message", text: "More", images: [] });
    await until(() => expect(sent).toHaveLength(4));
    expect(sent[2]?.body.messages[1]).toEqual({ role: "assistant", content: "from a" });
    expect(sent[3]?.body.messages[1]).toEqual({ role: "assistant", content: "from b" });
    state.stop();
  });

  it("are stopped one by one", async () => {
    state.models.value = ["a", "b"];
    const run = state.ask(hello);
    await until(() => expect(sent).toHaveLength(2));
    sent[0]?.push(text("half"));
    await until(() => expect(textOf(0, 0)).toBe("half"));
    answersOf(0)[0]?.stop();
    await until(() => expect(answersOf(0)[0]?.state.value.isRunning).toBe(false));
    expect(answersOf(0)[0]?.state.value.failure).toEqual({ kind: "stopped" });
    expect(answersOf(0)[1]?.state.value.isRunning).toBe(true);
    sent[1]?.push(text("whole"));
    sent[1]?.end();
    await run;
    expect(textOf(0, 1)).toBe("whole");
    expect(answersOf(0)[1]?.state.value.failure).toBeNull();
  });

  it("get the results of their own tools only", async () => {
    state.models.value = ["a", "b"];
    const run = state.ask(hello);
    await until(() => expect(sent).toHaveLength(2));
    const call = { index: 0, id: "call_1", function: { name: "f", arguments: "{}" } };
    sent[1]?.push({ choices: [{ delta: { tool_calls: [call] } }] });
    sent[0]?.push(text("none"));
    sent[0]?.end();
    sent[1]?.end();
    await run;
    const given = answersOf(0)[1]?.state.value.progress.calls[0];
    expect(given).toEqual({ id: "call_1", name: "f", arguments: "{}" });
    if (given !== undefined) {
      void state.ask({ kind: "results", lane: 1, results: [{ call: given, text: "42" }] });
    }
    await until(() => expect(sent).toHaveLength(3));
    expect(sent[2]?.body.model).toBe("b");
    expect(sent[2]?.body.messages.at(-1)).toMatchObject({ role: "tool", content: "42" });
    expect(answersOf(1)).toHaveLength(1);
    state.stop();
  });
});

describe("the playground's own key", () => {
  it("is fetched once for all, and anew when it is rejected", async () => {
    state.clientKey.value = "";
    state.models.value = ["a", "b"];
    accepted = "sk-own";
    const first = state.ask(hello);
    await until(() => expect(sent).toHaveLength(2));
    expect(sent.map(({ key }) => key)).toEqual(["sk-own", "sk-own"]);
    sent.map(({ end }) => end());
    await first;

    // Another tab has replaced it.
    accepted = "sk-new";
    handedOut = "sk-new";
    state.models.value = ["a"];
    const second = state.ask(hello);
    await until(() => expect(sent.at(-1)?.key).toBe("sk-new"));
    expect(sent).toHaveLength(4);
    sent.at(-1)?.push(text("works"));
    sent.at(-1)?.end();
    await second;
    expect(textOf(1, 0)).toBe("works");
    expect(answersOf(1)[0]?.state.value.failure).toBeNull();
  });
});

it("learns what an answer cost from the log", async () => {
  const run = state.ask(hello);
  await until(() => expect(sent).toHaveLength(1));
  sent[0]?.end();
  await run;
  rows = [row(77)];
  await until(() => expect(answersOf(0)[0]?.state.value.row?.cost_micro_usd).toBe(77));
});

const row = (cost_micro_usd: number) => ({
  id: "req_1",
  time: "2026-11-22T00:00:00Z",
  key: "ck_playground",
  key_name: "Playground",
  channel: "ch_1",
  channel_name: "One",
  upstream_key: null,
  model: "a",
  upstream_model: "a",
  endpoint: "chat/completions",
  stream: true,
  status: 200,
  attempts: [],
  first_byte_ms: 1,
  total_ms: 2,
  prompt_tokens: 1,
  completion_tokens: 1,
  cached_tokens: 0,
  cache_write_tokens: 0,
  cache_write_1h_tokens: 0,
  images: 0,
  media_ms: 0,
  reasoning_tokens: 0,
  service_tier: null,
  estimated: false,
  end: "complete",
  cost_micro_usd,
  reason: null,
  detail: null,
  limit: null,
});
