import { expect, it } from "vitest";
import type { ChatBody } from "../api/chat";
import { codeOf, LANGUAGES, shortened } from "./code";

const URL = `data:image/png;base64,${"A".repeat(100)}`;
const body: ChatBody = {
  model: "gpt-4o",
  messages: [
    { role: "system", content: `it's "x"` },
    {
      role: "user",
      content: [
        { type: "text", text: "What?" },
        { type: "image_url", image_url: { url: URL } },
      ],
    },
  ],
  temperature: 0.5,
};

it.each(LANGUAGES)("%s says where to, with which key, and what", (language) => {
  const text = codeOf(language, "https://g.test", body);
  for (const part of ["https://g.test/v1", "YOUR_KEY", "gpt-4o", "temperature", "0.5", "What?"]) {
    expect(text).toContain(part);
  }
  expect(text).toContain("data:image/png;base64,…");
  expect(text).not.toContain("AAAA");
});

it("quotes for the shell", () => {
  expect(codeOf("curl", "https://g.test", body)).toContain(String.raw`it'\''s \"x\"`);
});

it("writes values as Python does", () => {
  const tools = [{ strict: true, loose: false, none: null, list: [] }];
  const text = codeOf("python", "https://g.test", { model: "m", messages: [], tools });
  expect(text).toContain('"strict": True,');
  expect(text).toContain('"loose": False,');
  expect(text).toContain('"none": None,');
  expect(text).toContain('"list": [],');
  expect(text).toContain("print(answer.choices[0].message.content)");
});

it.each(["python", "node"] as const)("%s reads a stream as it comes", (language) => {
  const text = codeOf(language, "https://g.test", { ...body, stream: true });
  expect(text).toMatch(/stream = /);
  expect(text).toContain("delta");
});

it("shortens a copy", () => {
  expect(shortened(body)).not.toEqual(body);
  expect(JSON.stringify(body)).toContain(URL);
});
