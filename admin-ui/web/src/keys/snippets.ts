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

/** In the place of a key that is not known. */
export const PLACEHOLDER = "YOUR_KEY";

/** A model that the key may use and that is served, so that the examples work as they are. */
export function exampleModel(key: Pick<ClientKey, "models">, channels: readonly Channel[]): string {
  const served = channels.filter(({ enabled }) => enabled).flatMap(servedModels);
  const allowed = key.models.length === 0 ? served : key.models;
  return allowed.find((model) => served.includes(model)) ?? allowed[0] ?? "gpt-4o";
}

export function snippet(name: SnippetName, origin: string, key: string, model: string): string {
  const base = `${origin}/v1`;
  switch (name) {
    case "environment":
      return [
        `export OPENAI_BASE_URL=${base}`,
        `export OPENAI_API_KEY=${key}`,
        `export ANTHROPIC_BASE_URL=${origin}`,
        `export ANTHROPIC_AUTH_TOKEN=${key}`,
      ].join("\n");
    case "curl":
      return [
        `curl ${base}/chat/completions \\`,
        `  -H "Authorization: Bearer ${key}" \\`,
        '  -H "Content-Type: application/json" \\',
        `  -d ${bodyOf({ model, messages: HELLO })}`,
      ].join("\n");
    case "curlMessages":
      return [
        `curl ${base}/messages \\`,
        `  -H "x-api-key: ${key}" \\`,
        '  -H "anthropic-version: 2023-06-01" \\',
        '  -H "Content-Type: application/json" \\',
        `  -d ${bodyOf({ model, max_tokens: 1024, messages: HELLO })}`,
      ].join("\n");
    case "python":
      return [
        "from openai import OpenAI",
        "",
        `client = OpenAI(base_url="${base}", api_key="${key}")`,
        "answer = client.chat.completions.create(",
        `    model=${JSON.stringify(model)},`,
        '    messages=[{"role": "user", "content": "Hello"}],',
        ")",
        "print(answer.choices[0].message.content)",
      ].join("\n");
    case "pythonMessages":
      return [
        "from anthropic import Anthropic",
        "",
        `client = Anthropic(base_url="${origin}", auth_token="${key}")`,
        "answer = client.messages.create(",
        `    model=${JSON.stringify(model)},`,
        "    max_tokens=1024,",
        '    messages=[{"role": "user", "content": "Hello"}],',
        ")",
        "print(answer.content[0].text)",
      ].join("\n");
    case "node":
      return [
        'import OpenAI from "openai";',
        "",
        `const client = new OpenAI({ baseURL: "${base}", apiKey: "${key}" });`,
        "const answer = await client.chat.completions.create({",
        `  model: ${JSON.stringify(model)},`,
        '  messages: [{ role: "user", content: "Hello" }],',
        "});",
        "console.log(answer.choices[0].message.content);",
      ].join("\n");
    case "nodeMessages":
      return [
        'import Anthropic from "@anthropic-ai/sdk";',
        "",
        `const client = new Anthropic({ baseURL: "${origin}", authToken: "${key}" });`,
        "const answer = await client.messages.create({",
        `  model: ${JSON.stringify(model)},`,
        "  max_tokens: 1024,",
        '  messages: [{ role: "user", content: "Hello" }],',
        "});",
        "console.log(answer.content[0].text);",
      ].join("\n");
    case "codex":
      return [
        `# ~/.codex/config.toml; the key: export GATEWAY_KEY=${key}`,
        `model = ${JSON.stringify(model)}`,
        'model_provider = "gateway"',
        "",
        "[model_providers.gateway]",
        'name = "Gateway"',
        `base_url = "${base}"`,
        'env_key = "GATEWAY_KEY"',
        'wire_api = "responses"',
      ].join("\n");
    case "openWebui":
      return [
        "docker run -d -p 8080:8080 \\",
        `  -e OPENAI_API_BASE_URL=${base} \\`,
        `  -e OPENAI_API_KEY=${key} \\`,
        "  ghcr.io/open-webui/open-webui:main",
      ].join("\n");
    case "continue":
      return [
        "# ~/.continue/config.yaml",
        "models:",
        "  - name: AI Gateway",
        "    provider: openai",
        `    model: ${JSON.stringify(model)}`,
        `    apiBase: ${base}`,
        `    apiKey: ${key}`,
      ].join("\n");
    case "aider":
      return [
        `export OPENAI_API_BASE=${base}`,
        `export OPENAI_API_KEY=${key}`,
        `aider --model ${quoted(`openai/${model}`)}`,
      ].join("\n");
    case "claude":
      return [
        `export ANTHROPIC_BASE_URL=${origin}`,
        `export ANTHROPIC_AUTH_TOKEN=${key}`,
        `export ANTHROPIC_MODEL=${quoted(model)}`,
        "claude",
      ].join("\n");
  }
}

const HELLO = [{ role: "user", content: "Hello" }];

/** As one word of a shell, whatever is in it. */
function bodyOf(body: object): string {
  return `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
}

/** As one word of a shell, whatever is in it. */
function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
