//! Ready-to-paste beginnings for a new client key. Pure.
export const SNIPPETS = ["environment", "curl", "python", "node"] as const;
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
  }
}
