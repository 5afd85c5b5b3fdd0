//! A request as code that makes it. Pure but for what it is given.
import type { ChatBody } from "../api/chat";
import { PLACEHOLDER } from "../keys/snippets";

export const LANGUAGES = ["curl", "python", "node"] as const;
export type CodeLanguage = (typeof LANGUAGES)[number];

/** Data URLs without their data: nobody reads it. */
export function shortened(body: ChatBody): ChatBody {
  const short = (_: string, value: unknown) =>
    typeof value === "string" && value.startsWith("data:") && value.length > 64
      ? `${value.slice(0, value.indexOf(",") + 1)}…`
      : value;
  return JSON.parse(JSON.stringify(body, short)) as ChatBody;
}

export function codeOf(language: CodeLanguage, origin: string, body: ChatBody): string {
  const base = `${origin}/v1`;
  const short = shortened(body);
  return { curl, python, node }[language](base, short).join("\n");
}

function curl(base: string, body: ChatBody): string[] {
  return [
    `curl ${base}/chat/completions \\`,
    `  -H "Authorization: Bearer ${PLACEHOLDER}" \\`,
    '  -H "Content-Type: application/json" \\',
    `  -d '${JSON.stringify(body, null, 2).replaceAll("'", "'\\''")}'`,
  ];
}

function python(base: string, body: ChatBody): string[] {
  const members = Object.entries(body).map(([name, value]) => `    ${name}=${literal(value, 4)},`);
  return [
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${base}", api_key="${PLACEHOLDER}")`,
    `${body.stream ? "stream" : "answer"} = client.chat.completions.create(`,
    ...members,
    ")",
    ...(body.stream
      ? [
          "for chunk in stream:",
          "    if chunk.choices:",
          '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
        ]
      : ["print(answer.choices[0].message.content)"]),
  ];
}

function node(base: string, body: ChatBody): string[] {
  const request = JSON.stringify(body, null, 2);
  return [
    'import OpenAI from "openai";',
    "",
    `const client = new OpenAI({ baseURL: "${base}", apiKey: "${PLACEHOLDER}" });`,
    `const ${body.stream ? "stream" : "answer"} = await client.chat.completions.create(${request});`,
    ...(body.stream
      ? [
          "for await (const chunk of stream) {",
          '  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");',
          "}",
        ]
      : ["console.log(answer.choices[0].message.content);"]),
  ];
}

/** As Python writes it; strings are the same in JSON. */
function literal(value: unknown, indent: number): string {
  const inner = " ".repeat(indent + 4);
  const outer = " ".repeat(indent);
  const lines = (open: string, all: string[], close: string) =>
    all.length === 0
      ? open + close
      : [open, ...all.map((one) => `${inner}${one},`), outer + close].join("\n");
  if (value === null) {
    return "None";
  }
  if (typeof value === "boolean") {
    return value ? "True" : "False";
  }
  if (Array.isArray(value)) {
    return lines(
      "[",
      value.map((one) => literal(one, indent + 4)),
      "]",
    );
  }
  if (typeof value === "object") {
    const members = Object.entries(value).map(
      ([name, one]) => `${JSON.stringify(name)}: ${literal(one, indent + 4)}`,
    );
    return lines("{", members, "}");
  }
  return JSON.stringify(value);
}
