import { expect, it } from "vitest";
import { bodyOf, conversation, type Question, type Said } from "./conversation";
import { UNSET } from "./parameters";

const message = (text: string, images: string[] = []): Question => ({
  kind: "message",
  text,
  images: images.map((url) => ({ name: "x.png", url })),
});
const call = { id: "call_1", name: "get_weather", arguments: '{"city":"Oslo"}' };
const results: Question = { kind: "results", lane: 0, results: [{ call, text: "rain" }] };
const said = (question: Question, text: string, calls = [] as (typeof call)[]): Said => ({
  question,
  answer: { text, calls },
});
const sentCall = {
  id: "call_1",
  type: "function",
  function: { name: "get_weather", arguments: '{"city":"Oslo"}' },
};

it("has what was said, without answers that failed", () => {
  const before = [
    said(message("a"), "A"),
    said(message("b"), ""),
    { question: message("c"), answer: null },
  ];
  expect(conversation(" be brief ", before, message("d"))).toEqual([
    { role: "system", content: " be brief " },
    { role: "user", content: "a" },
    { role: "assistant", content: "A" },
    { role: "user", content: "d" },
  ]);
  expect(conversation("  ", [], message("d"))).toEqual([{ role: "user", content: "d" }]);
});

it("sends images beside the text, or alone", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,x" } };
  expect(conversation("", [], message("look", ["data:image/png;base64,x"]))).toEqual([
    { role: "user", content: [{ type: "text", text: "look" }, image] },
  ]);
  expect(conversation("", [], message(" ", ["data:image/png;base64,x"]))).toEqual([
    { role: "user", content: [image] },
  ]);
});

it("sends a result after its call", () => {
  expect(conversation("", [said(message("weather?"), "", [call])], results)).toEqual([
    { role: "user", content: "weather?" },
    { role: "assistant", content: null, tool_calls: [sentCall] },
    { role: "tool", tool_call_id: "call_1", content: "rain" },
  ]);
  // The answer to the results failed: they are still what the calls gave.
  const before = [said(message("weather?"), "Let me see", [call]), said(results, "")];
  expect(conversation("", before, message("and now?"))).toEqual([
    { role: "user", content: "weather?" },
    { role: "assistant", content: "Let me see", tool_calls: [sentCall] },
    { role: "tool", tool_call_id: "call_1", content: "rain" },
    { role: "user", content: "and now?" },
  ]);
});

it("leaves out a call that was given no result", () => {
  const before = [said(message("a"), "", [call]), said(message("b"), "text", [call])];
  expect(conversation("", before, message("c"))).toEqual([
    { role: "user", content: "b" },
    { role: "assistant", content: "text" },
    { role: "user", content: "c" },
  ]);
});

it("makes a whole request of what is set", () => {
  const parameters = { ...UNSET, isStreamed: false, seed: "3" };
  expect(bodyOf("m", [], parameters, [])).toEqual({ model: "m", messages: [], seed: 3 });
  expect(bodyOf("m", [], parameters, [{ type: "x" }])).toMatchObject({ tools: [{ type: "x" }] });
});
