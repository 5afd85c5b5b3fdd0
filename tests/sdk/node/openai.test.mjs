// The official openai package for Node.js as a client of the gateway.
// The stage comes from the environment; see tests/README.md.

import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";

const { GATEWAY_URL: baseURL, GATEWAY_KEY: apiKey, UPSTREAM_LOG: log } = process.env;
const chatModel = "vendor/chat-model";
const messages = [{ role: "user", content: "Hi" }];
// Unmodified but for the URL and the key: retries and timeouts are the package's own.
const client = new OpenAI({ baseURL, apiKey });

/** How many requests for the model reached the upstream so far. */
async function upstreamCalls(model) {
  const { data } = await (await fetch(log)).json();
  return data.filter((record) => record.model === model).length;
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** The error that a promise is rejected with, checked for its class. */
async function failure(promise, type) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof type, `${error?.constructor?.name}: ${error?.message}`);
    return error;
  }
  return assert.fail("nothing was thrown");
}

test("chat", async () => {
  const answer = await client.chat.completions.create({ model: chatModel, messages });
  assert.equal(answer.model, chatModel);
  assert.equal(answer.choices[0].message.content, "Hello from upstream.");
  assert.equal(answer.usage.total_tokens, 14);
  assert.ok(answer._request_id);
});

test("chat, streamed", async () => {
  const chunks = await collect(
    await client.chat.completions.create({ model: chatModel, messages, stream: true }),
  );
  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  assert.equal(text, "word0 word1 word2 word3 word4 ");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  assert.ok(chunks.every((chunk) => !chunk.usage), "usage was not requested");
});

test("chat, streamed with usage", async () => {
  const chunks = await collect(
    await client.chat.completions.create({
      model: chatModel,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.prompt_tokens, 9);
});

test("embeddings", async () => {
  const answer = await client.embeddings.create({
    model: "embedding-model",
    input: ["a", "b"],
    encoding_format: "float",
  });
  assert.deepEqual(answer.data.map((row) => row.embedding), [
    [0.25, -0.5, 0.125],
    [0.25, -0.5, 0.125],
  ]);
});

test("models, listed and retrieved", async () => {
  const ids = (await collect(await client.models.list())).map((model) => model.id);
  for (const id of [chatModel, "embedding-model", "broken"]) assert.ok(ids.includes(id), id);
  const model = await client.models.retrieve(chatModel);
  assert.deepEqual([model.id, model.object], [chatModel, "model"]);
  const error = await failure(client.models.retrieve("vendor/unknown"), OpenAI.NotFoundError);
  assert.equal(error.code, "model_not_found");
});

test("a wrong key", async () => {
  const wrong = new OpenAI({ baseURL, apiKey: "sk-wrong" });
  const call = wrong.chat.completions.create({ model: chatModel, messages });
  const error = await failure(call, OpenAI.AuthenticationError);
  assert.equal(error.code, "invalid_api_key");
  assert.equal(error.type, "invalid_request_error");
  assert.ok(error.requestID);
});

test("an unknown model", async () => {
  const call = client.chat.completions.create({ model: "unknown", messages });
  const error = await failure(call, OpenAI.NotFoundError);
  assert.equal(error.code, "model_not_found");
  assert.equal(error.param, "model");
});

test("invalid JSON, which only a hand-written client can send", async () => {
  const answer = await fetch(`${baseURL}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: '{"model": ',
  });
  assert.equal(answer.status, 400);
  const { error } = await answer.json();
  assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"]);
  assert.equal(error.code, "invalid_json");
});

for (const stream of [false, true]) {
  test(`an upstream failure raises without a retry, stream ${stream}`, async () => {
    const before = await upstreamCalls("broken");
    const call = client.chat.completions.create({ model: "broken", messages, stream });
    const error = await failure(call, OpenAI.InternalServerError);
    assert.equal(error.status, 502);
    assert.equal(error.code, "upstream_failed");
    // The package tries three times unless `x-should-retry: false` tells it not to.
    assert.equal((await upstreamCalls("broken")) - before, 1);
  });
}

test("a rate limit raises without a retry", async () => {
  const before = await upstreamCalls("limited");
  const call = client.chat.completions.create({ model: "limited", messages });
  const error = await failure(call, OpenAI.RateLimitError);
  assert.equal(error.code, "rate_limit_exceeded");
  assert.ok(Number(error.headers.get("retry-after")) >= 1);
  assert.equal(error.headers.get("x-should-retry"), "false");
  assert.equal((await upstreamCalls("limited")) - before, 1);
});

for (const way of ["reset", "comment", "error", "limit"]) {
  test(`an upstream that fails before its first event goes unnoticed, by ${way}`, async () => {
    const model = `fails-by-${way}-node`;
    const { data: stream, response } = await client.chat.completions
      .create({ model, messages, stream: true })
      .withResponse();
    assert.equal(response.headers.get("x-gateway-attempts"), "2");
    const chunks = await collect(stream);
    const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
    assert.equal(text, "word0 word1 word2 word3 word4 ");
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    // The failover was the gateway's: the package sent one request. A reset of a connection that was used before is answered
    // with one more call on a new one.
    const calls = await upstreamCalls(model);
    assert.ok(calls === 2 || (way === "reset" && calls === 3), `${calls} calls`);
    const answer = await client.chat.completions.create({ model, messages });
    assert.equal(answer.choices[0].message.content, "Hello from upstream.");
  });
}

test("a truncated stream raises", async () => {
  const stream = await client.chat.completions.create({ model: "truncated", messages, stream: true });
  const texts = [];
  const reading = (async () => {
    for await (const chunk of stream) texts.push(chunk.choices[0].delta.content);
  })();
  const error = await failure(reading, OpenAI.APIError);
  assert.deepEqual(texts, ["one"]);
  assert.equal(error.code, "stream_incomplete");
});

test("an upstream that never streams is a stream all the same", async () => {
  const stream = client.chat.completions.stream({ model: "never-streams", messages });
  const answer = await stream.finalChatCompletion();
  const { message, finish_reason } = answer.choices[0];
  assert.equal(message.content, "hi there");
  assert.deepEqual(message.tool_calls.map((call) => call.id), ["one", "two"]);
  assert.equal(finish_reason, "tool_calls");
});

test("an upstream that always streams gives a whole answer all the same", async () => {
  const answer = await client.chat.completions.create({ model: "always-streams", messages });
  assert.equal(answer.choices[0].message.content, "hi there");
  assert.equal(answer.usage.total_tokens, 5);
});
