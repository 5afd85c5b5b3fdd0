import { expect, it } from "vitest";
import { SNIPPETS, snippet } from "./snippets";

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
