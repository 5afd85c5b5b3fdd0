// The official packages of OpenAI and Anthropic for Node.js with upstreams that speak one dialect alone.
// Each test runs with every upstream: one of them speaks the client's dialect, the others are translated.

import assert from "node:assert/strict";
import test from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const { GATEWAY_URL: baseURL, GATEWAY_KEY: apiKey } = process.env;
const openai = new OpenAI({ baseURL, apiKey });
const anthropic = new Anthropic({ baseURL: baseURL.replace(/\/v1$/, ""), apiKey });

const text = "Grüezi from upstream.";
const cities = [{ city: "Bern" }, { city: "Zürich" }];
const messages = [{ role: "user", content: "Weather in Bern and Zürich?" }];
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const name = "weather";

for (const model of ["only-chat", "only-messages", "only-responses"]) {
  test(`chat completions, ${model}`, async () => {
    const whole = await openai.chat.completions.create({ model, messages });
    assert.equal(whole.choices[0].message.content, text);
    assert.equal(whole.usage.total_tokens, 30);
    const stream = openai.chat.completions.stream({ model, messages });
    assert.equal(await stream.finalContent(), text);
  });

  test(`chat completions with tools, ${model}`, async () => {
    const tools = [{ type: "function", function: { name, parameters: schema } }];
    const answer = await openai.chat.completions
      .stream({ model, messages, tools })
      .finalChatCompletion();
    const { message, finish_reason } = answer.choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.deepEqual(message.tool_calls.map((call) => JSON.parse(call.function.arguments)), cities);
    const results = message.tool_calls.map((call) => ({
      role: "tool",
      tool_call_id: call.id,
      content: "sunny",
    }));
    // Without what the helper has parsed, which no server knows.
    const calls = message.tool_calls.map(({ id, type, function: made }) => ({
      id,
      type,
      function: { name: made.name, arguments: made.arguments },
    }));
    const turn = { role: "assistant", content: message.content, tool_calls: calls };
    const conversation = [...messages, turn, ...results];
    const last = await openai.chat.completions.create({ model, messages: conversation, tools });
    assert.equal(last.choices[0].message.content, text);
  });

  test(`messages, ${model}`, async () => {
    const whole = await anthropic.messages.create({ model, max_tokens: 100, messages });
    assert.equal(whole.content[0].text, text);
    assert.equal(whole.stop_reason, "end_turn");
    const stream = anthropic.messages.stream({ model, max_tokens: 100, messages });
    assert.equal(await stream.finalText(), text);
    assert.equal((await stream.finalMessage()).usage.output_tokens, 9);
  });

  test(`messages with tools, ${model}`, async () => {
    const tools = [{ name, input_schema: schema }];
    const asked = { model, max_tokens: 100, tools };
    const answer = await anthropic.messages.stream({ ...asked, messages }).finalMessage();
    const calls = answer.content.filter((block) => block.type === "tool_use");
    assert.equal(answer.stop_reason, "tool_use");
    assert.deepEqual(calls.map((call) => call.input), cities);
    const results = calls.map((call) => ({
      type: "tool_result",
      tool_use_id: call.id,
      content: "sunny",
    }));
    const conversation = [
      ...messages,
      { role: "assistant", content: answer.content },
      { role: "user", content: results },
    ];
    const last = await anthropic.messages.create({ ...asked, messages: conversation });
    assert.equal(last.content[0].text, text);
  });

  test(`responses, ${model}`, async () => {
    const whole = await openai.responses.create({ model, input: "Hi", store: false });
    assert.equal(whole.output_text, text);
    const stream = openai.responses.stream({ model, input: "Hi", store: false });
    const final = await stream.finalResponse();
    assert.equal(final.output_text, text);
    assert.equal(final.usage.total_tokens, 30);
  });

  test(`responses with tools, ${model}`, async () => {
    const tools = [{ type: "function", name, parameters: schema, strict: false }];
    const asked = { model, tools, store: false };
    const answer = await openai.responses.stream({ ...asked, input: messages }).finalResponse();
    const calls = answer.output.filter((item) => item.type === "function_call");
    assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), cities);
    const results = calls.map((call) => ({
      type: "function_call_output",
      call_id: call.call_id,
      output: "sunny",
    }));
    const made = calls.map(({ type, call_id, name: called, arguments: given }) => ({
      type,
      call_id,
      name: called,
      arguments: given,
    }));
    const input = [...messages, ...made, ...results];
    const last = await openai.responses.create({ ...asked, input });
    assert.equal(last.output_text, text);
  });

  test(`errors, ${model}`, async () => {
    const limited = `${model}-limited`;
    const chat = openai.chat.completions.create({ model: limited, messages });
    await assert.rejects(chat, OpenAI.RateLimitError);
    const message = anthropic.messages.create({ model: limited, max_tokens: 100, messages });
    await assert.rejects(message, Anthropic.RateLimitError);
    const response = openai.responses.create({ model: limited, input: "Hi", store: false });
    await assert.rejects(response, OpenAI.RateLimitError);
  });
}
