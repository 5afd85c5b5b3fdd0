//! Ready-to-paste beginnings for a new client key. Pure.
export const SNIPPETS = [
  "environment",
  "curl",
  "python",
  "node",
  "openWebui",
  "continue",
  "aider",
  "claude",
] as const;
export type SnippetName = (typeof SNIPPETS)[number];

export function snippet(name: SnippetName, origin: string, key: string, model: string): string {
  const base = `${origin}/v1`;
  switch (name) {
    case "environment":
      return `export OPENAI_BASE_URL=${base}\nexport OPENAI_API_KEY=${key}`;
    case "curl":
      return [
        `curl ${base}/chat/completions \\`,
        `  -H "Authorization: Bearer ${key}" \\`,
        '  -H "Content-Type: application/json" \\',
        `  -d '${JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }).replaceAll("'", "'\\''")}'`,
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

/** As one word of a shell, whatever is in it. */
function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
