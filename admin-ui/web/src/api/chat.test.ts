import { afterEach, describe, expect, it, vi } from "vitest";
import { chat, Lines, type Progress } from "./chat";

afterEach(() => vi.unstubAllGlobals());

/** Answers like a gateway, in these pieces. */
function answering(status: number, pieces: string[]) {
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) {
        controller.enqueue(encoder.encode(piece));
      }
      controller.close();
    },
  });
  const headers = { "x-gateway-channel": "One", "x-gateway-attempts": "2" };
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { status, headers })));
}

async function run(stream = true) {
  let last: Progress | undefined;
  const body = { model: "m", messages: [], stream };
  const failure = await chat("sk", body, new AbortController().signal, (progress) => {
    last = progress;
  });
  return { failure, last };
}

const delta = (content: string) =>
  `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

describe("chat", () => {
  it("puts an answer together, however it is cut", async () => {
    const usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\r\n\r\n';
    const whole = `: hi\n\n${delta("Grüß")}${delta(" Gott")}${usage}data: [DONE]\n\n`;
    answering(200, whole.match(/[\s\S]{1,7}/g) ?? []);
    const { failure, last } = await run();
    expect(failure).toBeNull();
    expect(last).toMatchObject({
      text: "Grüß Gott",
      channel: "One",
      attempts: "2",
      promptTokens: 3,
      completionTokens: 2,
      error: null,
    });
    expect(last?.firstTokenMs).not.toBeNull();
  });

  it("reports an answer that breaks off, and keeps what came", async () => {
    const error = 'data: {"error":{"message":"The upstream broke off.","code":"x"}}\n\n';
    answering(200, [delta("Half"), error]);
    const { failure, last } = await run();
    expect(failure).toEqual({ kind: "reported" });
    expect(last).toMatchObject({ text: "Half", error: "The upstream broke off." });
  });

  it("reports a rejection in the gateway's words", async () => {
    answering(404, ['{"error":{"message":"No such model.","code":"model_not_found"}}']);
    const { failure, last } = await run();
    expect(failure).toEqual({ kind: "reported" });
    expect(last).toMatchObject({ status: 404, error: "No such model." });
  });

  it("puts the calls of tools together, and keeps what came", async () => {
    const piece = (calls: object[]) =>
      `data: ${JSON.stringify({ choices: [{ delta: { tool_calls: calls } }] })}\n\n`;
    const events = [
      piece([{ index: 0, id: "call_1", function: { name: "get_weather", arguments: "" } }]),
      piece([{ index: 0, function: { arguments: '{"city":' } }]),
      piece([{ index: 1, id: "call_2", function: { name: "get_time", arguments: "{}" } }]),
      piece([{ index: 0, function: { arguments: '"Oslo"}' } }]),
    ];
    answering(200, events);
    const { last } = await run();
    expect(last?.calls).toEqual([
      { id: "call_1", name: "get_weather", arguments: '{"city":"Oslo"}' },
      { id: "call_2", name: "get_time", arguments: "{}" },
    ]);
    expect(last?.firstTokenMs).not.toBeNull();
    expect(last?.raw).toBe(events.join(""));
  });

  it("reads a whole answer", async () => {
    const message = { content: "Hi", reasoning_content: "Hm", tool_calls: null };
    const usage = { prompt_tokens: 3, completion_tokens: 2 };
    answering(200, [JSON.stringify({ choices: [{ message }], usage })]);
    const { failure, last } = await run(false);
    expect(failure).toBeNull();
    expect(last).toMatchObject({ text: "Hi", reasoning: "Hm", calls: [], completionTokens: 2 });
  });

  it("knows a broken connection", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no")));
    expect((await run()).failure).toEqual({ kind: "network" });
  });
});

describe("Lines", () => {
  it("hands over whole lines only", () => {
    const lines = new Lines();
    expect(lines.push("a\r\nb")).toEqual(["a"]);
    expect(lines.push("c\n")).toEqual(["bc"]);
    expect(lines.push("end")).toEqual([]);
    expect(lines.finish()).toEqual(["end"]);
    expect(lines.finish()).toEqual([]);
  });
});
