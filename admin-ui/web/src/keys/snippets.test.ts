import { expect, it } from "vitest";
import type { Channel } from "../api/types";
import { exampleModel, SNIPPETS, snippet } from "./snippets";

it.each(SNIPPETS)("%s says where to and with which key", (name) => {
  const text = snippet(name, "https://gateway.test", "sk-1", "a model");
  expect(text).toContain("https://gateway.test");
  expect(text).toContain("sk-1");
});

it("quotes a model's name for its language", () => {
  const name = `it's "x"`;
  expect(snippet("curl", "https://g.test", "k", name)).toContain(`it'\\''s \\"x\\"`);
  expect(snippet("python", "https://g.test", "k", name)).toContain(String.raw`"it's \"x\""`);
});

it.each([
  ["curl", "/v1/chat/completions", "Authorization: Bearer k"],
  ["curlMessages", "/v1/messages", "x-api-key: k"],
  ["pythonMessages", 'base_url="https://g.test"', 'auth_token="k"'],
  ["nodeMessages", 'baseURL: "https://g.test"', 'authToken: "k"'],
  ["codex", 'base_url = "https://g.test/v1"', 'wire_api = "responses"'],
  ["environment", "OPENAI_BASE_URL=https://g.test/v1", "ANTHROPIC_BASE_URL=https://g.test\n"],
] as const)("%s speaks its dialect at its address", (name, address, how) => {
  const text = snippet(name, "https://g.test", "k", "m");
  expect(text).toContain(address);
  expect(text).toContain(how);
});

it("names a model that the key may use and that is served", () => {
  const served = (models: string[], enabled = true) =>
    ({ models, enabled, model_map: {}, azure: null }) as unknown as Channel;
  const channels = [served(["off"], false), served(["a", "b"])];
  expect(exampleModel({ models: [] }, channels)).toBe("a");
  expect(exampleModel({ models: ["x", "b"] }, channels)).toBe("b");
  expect(exampleModel({ models: ["x"] }, channels)).toBe("x");
  expect(exampleModel({ models: [] }, [])).toBe("gpt-4o");
});
