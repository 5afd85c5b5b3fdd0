//! A scripted upstream: what a real service would answer, without one.
import { createServer } from "node:http";

const STEP_MS = 15;

/**
 * Starts it on a free port. The last part of a key says how it fares: `…-throttled` is answered 429,
 * `…-refused` 401, `…-failing` 500. The model `broken` is refused, and so are
 * negative `max_tokens`; `slow` never ends, all others say `answer`. A request with tools gets a call of the first one, until
 * it brings a result.
 */
export async function startUpstream() {
  const state = {
    answer: "Hello from the upstream.",
    requests: 0,
    /** Tokens of an answer, by what was asked. */
    usage: () => ({ prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }),
    /** The last request of each model. */
    asked: {},
    /** Milliseconds before an answer begins. */
    paceMs: 0,
  };
  const server = createServer(async (request, response) => {
    state.requests += 1;
    let body = "";
    for await (const piece of request) {
      body += piece;
    }
    const key = request.headers.authorization ?? "";
    if (key.endsWith("-throttled")) {
      const headers = { "retry-after": "90" };
      return send(response, 429, { error: { message: "Rate limit reached." } }, headers);
    }
    if (key.endsWith("-refused")) {
      return send(response, 401, { error: { message: "Incorrect API key provided." } });
    }
    if (key.endsWith("-failing")) {
      return send(response, 500, { error: { message: "The model server is restarting." } });
    }
    if (request.url.endsWith("/models")) {
      const data = ["alpha", "beta", "gamma"].map((id) => ({ id, object: "model" }));
      return send(response, 200, { object: "list", data });
    }
    const asked = JSON.parse(body);
    state.asked[asked.model] = asked;
    if (asked.model === "broken") {
      return send(response, 400, { error: { message: state.answer } });
    }
    if (asked.max_tokens < 0) {
      return send(response, 400, { error: { message: "max_tokens must be at least 1." } });
    }
    await new Promise((resolve) => setTimeout(resolve, state.paceMs));
    return asked.stream ? stream(response, asked, state) : whole(response, asked, state);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    state,
    url: `http://127.0.0.1:${server.address().port}/v1`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function whole(response, asked, state) {
  const message = { role: "assistant", content: state.answer };
  send(response, 200, {
    id: "chat-1",
    object: "chat.completion",
    model: asked.model,
    choices: [{ index: 0, message, finish_reason: "stop" }],
    usage: state.usage(asked),
  });
}

async function stream(response, asked, state) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (choices, more = {}) => {
    const chunk = { id: "chat-1", object: "chat.completion.chunk", model: asked.model, choices };
    response.write(`data: ${JSON.stringify({ ...chunk, ...more })}\n\n`);
  };
  const pieces = state.answer.match(/[\s\S]{1,4}/g) ?? [];
  const tool = asked.tools?.[0]?.function;
  if (tool && asked.messages.at(-1).role !== "tool") {
    const call = { index: 0, id: "call_1", type: "function" };
    const given = { name: tool.name, arguments: '{"city":' };
    event([{ index: 0, delta: { tool_calls: [{ ...call, function: given }] } }]);
    const rest = { index: 0, function: { arguments: '"Oslo"}' } };
    event([{ index: 0, delta: { tool_calls: [rest] } }]);
    event([{ index: 0, delta: {}, finish_reason: "tool_calls" }]);
    response.end("data: [DONE]\n\n");
    return;
  }
  for (let at = 0; at < pieces.length || asked.model === "slow"; at += 1) {
    if (response.destroyed) {
      return;
    }
    const content = pieces[at % pieces.length];
    event([{ index: 0, delta: { content }, finish_reason: null }]);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  event([{ index: 0, delta: {}, finish_reason: "stop" }]);
  if (asked.stream_options?.include_usage) {
    event([], { usage: state.usage(asked) });
  }
  response.end("data: [DONE]\n\n");
}
