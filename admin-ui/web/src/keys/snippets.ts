//! Ready-to-paste beginnings for a client key, in the dialects of OpenAI and of Anthropic. Pure.
import { type Channel, type ClientKey, servedModels } from "../api/types";

export const SNIPPETS = [
  "environment",
  "curl",
  "curlMessages",
  "python",
  "pythonMessages",
  "node",
  "nodeMessages",
  "claude",
  "codex",
  "openWebui",
  "continue",
  "aider",
] as const;
export type SnippetName = (typeof SNIPPETS)[number];
type RequestName =
  | "environment"
  | "curl"
  | "curlMessages"
  | "python"
  | "pythonMessages"
  | "node"
  | "nodeMessages";

/** In the place of a key that is not known. */
export const PLACEHOLDER = "YOUR_KEY";

/** A model that the key may use and that is served, so that the examples work as they are. */
export function exampleModel(key: Pick<ClientKey, "models">, channels: readonly Channel[]): string {
  const served = channels.filter(({ enabled }) => enabled).flatMap(servedModels);
  const allowed = key.models.length === 0 ? served : key.models;
  return allowed.find((model) => served.includes(model)) ?? allowed[0] ?? "gpt-4o";
}

export function snippet(name: SnippetName, origin: string, key: string, model: string): string {
  const lines = { ...REQUESTS, ...PROGRAMS }[name];
  return lines({ origin, base: `${origin}/v1`, key, model }).join("\n");
}

interface Access {
  origin: string;
  /** For clients of OpenAI's dialects; those of Anthropic's add the version themselves. */
  base: string;
  key: string;
  model: string;
}

type Lines = (access: Access) => string[];

const REQUESTS: Record<RequestName, Lines> = {
  environment: ({ origin, base, key }) => [
    `export OPENAI_BASE_URL=${base}`,
    `export OPENAI_API_KEY=${key}`,
    `export ANTHROPIC_BASE_URL=${origin}`,
    `export ANTHROPIC_AUTH_TOKEN=${key}`,
  ],
  curl: ({ base, key, model }) => [
    `curl ${base}/chat/completions \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    '  -H "Content-Type: application/json" \\',
    `  -d ${bodyOf({ model, messages: HELLO })}`,
  ],
  curlMessages: ({ base, key, model }) => [
    `curl ${base}/messages \\`,
    `  -H "x-api-key: ${key}" \\`,
    '  -H "anthropic-version: 2023-06-01" \\',
    '  -H "Content-Type: application/json" \\',
    `  -d ${bodyOf({ model, max_tokens: 1024, messages: HELLO })}`,
  ],
  python: ({ base, key, model }) => [
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${base}", api_key="${key}")`,
    "answer = client.chat.completions.create(",
    `    model=${JSON.stringify(model)},`,
    '    messages=[{"role": "user", "content": "Hello"}],',
    ")",
    "print(answer.choices[0].message.content)",
  ],
  pythonMessages: ({ origin, key, model }) => [
    "from anthropic import Anthropic",
    "",
    `client = Anthropic(base_url="${origin}", auth_token="${key}")`,
    "answer = client.messages.create(",
    `    model=${JSON.stringify(model)},`,
    "    max_tokens=1024,",
    '    messages=[{"role": "user", "content": "Hello"}],',
    ")",
    "print(answer.content[0].text)",
  ],
  node: ({ base, key, model }) => [
    'import OpenAI from "openai";',
    "",
    `const client = new OpenAI({ baseURL: "${base}", apiKey: "${key}" });`,
    "const answer = await client.chat.completions.create({",
    `  model: ${JSON.stringify(model)},`,
    '  messages: [{ role: "user", content: "Hello" }],',
    "});",
    "console.log(answer.choices[0].message.content);",
  ],
  nodeMessages: ({ origin, key, model }) => [
    'import Anthropic from "@anthropic-ai/sdk";',
    "",
    `const client = new Anthropic({ baseURL: "${origin}", authToken: "${key}" });`,
    "const answer = await client.messages.create({",
    `  model: ${JSON.stringify(model)},`,
    "  max_tokens: 1024,",
    '  messages: [{ role: "user", content: "Hello" }],',
    "});",
    "console.log(answer.content[0].text);",
  ],
};

const PROGRAMS: Record<Exclude<SnippetName, RequestName>, Lines> = {
  codex: ({ base, key, model }) => [
    `# ~/.codex/config.toml; the key: export GATEWAY_KEY=${key}`,
    `model = ${JSON.stringify(model)}`,
    'model_provider = "gateway"',
    "",
    "[model_providers.gateway]",
    'name = "Gateway"',
    `base_url = "${base}"`,
    'env_key = "GATEWAY_KEY"',
    'wire_api = "responses"',
  ],
  openWebui: ({ base, key }) => [
    "docker run -d -p 8080:8080 \\",
    `  -e OPENAI_API_BASE_URL=${base} \\`,
    `  -e OPENAI_API_KEY=${key} \\`,
    "  ghcr.io/open-webui/open-webui:main",
  ],
  continue: ({ base, key, model }) => [
    "# ~/.continue/config.yaml",
    "models:",
    "  - name: AI Gateway",
    "    provider: openai",
    `    model: ${JSON.stringify(model)}`,
    `    apiBase: ${base}`,
    `    apiKey: ${key}`,
  ],
  aider: ({ base, key, model }) => [
    `export OPENAI_API_BASE=${base}`,
    `export OPENAI_API_KEY=${key}`,
    `aider --model ${quoted(`openai/${model}`)}`,
  ],
  claude: ({ origin, key, model }) => [
    `export ANTHROPIC_BASE_URL=${origin}`,
    `export ANTHROPIC_AUTH_TOKEN=${key}`,
    `export ANTHROPIC_MODEL=${quoted(model)}`,
    "claude",
  ],
};

const HELLO = [{ role: "user", content: "Hello" }];

/** As one word of a shell, whatever is in it. */
function bodyOf(body: object): string {
  return `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
}

/** As one word of a shell, whatever is in it. */
function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
