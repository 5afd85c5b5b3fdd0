//! What a base URL was probably meant to be, while it is typed. Pure. The gateway has the same rules
//! (`crates/gateway-core/src/config/base_url.rs`); one table of cases is read by the tests of both.

import type { Provider } from "../../generated/schema";

/** Hosts whose base URL is known, with its path. */
const HOSTS: Readonly<Record<string, string>> = {
  "api.anthropic.com": "v1",
  "api.cerebras.ai": "v1",
  "api.cohere.ai": "compatibility/v1",
  "api.cohere.com": "compatibility/v1",
  "api.deepinfra.com": "v1/openai",
  "api.deepseek.com": "v1",
  "api.fireworks.ai": "inference/v1",
  "api.groq.com": "openai/v1",
  "api.hyperbolic.xyz": "v1",
  "api.minimax.chat": "v1",
  "api.minimax.io": "v1",
  "api.mistral.ai": "v1",
  "api.moonshot.ai": "v1",
  "api.moonshot.cn": "v1",
  "api.openai.com": "v1",
  "api.sambanova.ai": "v1",
  "api.siliconflow.cn": "v1",
  "api.siliconflow.com": "v1",
  "api.stepfun.com": "v1",
  "api.studio.nebius.ai": "v1",
  "api.together.ai": "v1",
  "api.together.xyz": "v1",
  "api.x.ai": "v1",
  "api.z.ai": "api/paas/v4",
  "ark.cn-beijing.volces.com": "api/v3",
  "dashscope-intl.aliyuncs.com": "compatible-mode/v1",
  "dashscope-us.aliyuncs.com": "compatible-mode/v1",
  "dashscope.aliyuncs.com": "compatible-mode/v1",
  "generativelanguage.googleapis.com": "v1beta/openai",
  "integrate.api.nvidia.com": "v1",
  "open.bigmodel.cn": "api/paas/v4",
  "openrouter.ai": "api/v1",
};
/** Ollama, vLLM, LM Studio, SGLang. */
const OLLAMA = "11434";
const LOCAL_PORTS = [OLLAMA, "8000", "1234", "30000"];
const AZURE = /\.(openai|cognitiveservices|services\.ai)\.azure\.com$/;
/** What follows a base URL in the URL of an operation. */
const OPERATION =
  /\/(chat\/completions|messages\/count_tokens|images\/(generations|edits|variations)|audio\/(speech|transcriptions|translations)|completions|messages|embeddings|responses|models|moderations|rerank)$/i;
const VERSION = /^v\d[a-z0-9]*$/i;
const AROUND = /^[\s"'`“”‘’«»<>()[\]{},;]+|[\s"'`“”‘’«»<>()[\]{},;]+$/g;
const MAX_LENGTH = 4096;

/** What the text was probably meant to be; `null` when it is fine, or nothing can be made of it. */
export function suggestedBaseUrl(provider: Provider, text: string): string | null {
  const url = understood(text);
  if (url === null) {
    return null;
  }
  const mended = mend(provider, url);
  return mended === accepted(provider, text) ? null : mended;
}

function accepted(provider: Provider, given: string): string | null {
  const text = given.trim();
  const isPlain = text.includes("://") && !/[ \\]/.test(text) && !text.includes(":///");
  if (!isPlain || !URL.canParse(text)) {
    return null;
  }
  const url = new URL(text).href.replace(/\/+$/, "");
  return provider === "azure" ? url.replace(/\/openai(\/v1)?$/, "") : url;
}

function understood(given: string): URL | null {
  if (given.length > MAX_LENGTH) {
    return null;
  }
  let text = unquoted(given.replaceAll("\\", "/"));
  // A name before it, as in a file of variables.
  const start = text.search(/https?:\/\//i);
  if (start > 0 && /[=: "']$/.test(text.slice(0, start))) {
    text = unquoted(text.slice(start));
  }
  let joined = "";
  for (const part of text.split(/\s+/)) {
    if (joined !== "" && !part.startsWith("/")) {
      break;
    }
    joined += unquoted(part);
  }
  const whole = withScheme(joined);
  if (whole === null || !URL.canParse(whole)) {
    return null;
  }
  const url = new URL(whole);
  url.username = "";
  url.password = "";
  url.search = "";
  url.hash = "";
  return url.host === "" ? null : url;
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  // The bracket of an IPv6 address is no quote.
  return trimmed.startsWith("[") ? trimmed : trimmed.replace(AROUND, "");
}

function withScheme(text: string): string | null {
  const [, written, marks, address] = /^(https?|wss?)([:/]+)(.+)$/i.exec(text) ?? [];
  if (written !== undefined && address !== undefined && `${marks}${address}`.includes("/")) {
    return `${/s$/i.test(written) ? "https" : "http"}://${address}`;
  }
  const rest = text.replace(/^\/+/, "");
  const authority = rest.split("/")[0] ?? "";
  const isHost = /[.:]/.test(authority) || authority.toLowerCase() === "localhost";
  if (!isHost || rest.includes("://") || !URL.canParse(`http://${rest}`)) {
    return null;
  }
  return `${isLocal(new URL(`http://${rest}`)) ? "http" : "https"}://${rest}`;
}

/** This machine or one nearby, where TLS is rare. */
function isLocal({ hostname }: URL): boolean {
  return (
    hostname === "[::1]" ||
    /^(127|10)\.\d+\.\d+\.\d+$|^192\.168\.\d+\.\d+$|^172\.(1[6-9]|2\d|3[01])\.\d+\.\d+$|^0\.0\.0\.0$/.test(
      hostname,
    ) ||
    (!hostname.includes(".") && !hostname.startsWith("[")) ||
    /\.(local|lan|internal)$/.test(hostname)
  );
}

function mend(provider: Provider, url: URL): string {
  let path = withoutOperation(url.pathname.split("/").filter((part) => part !== ""));
  if (provider === "azure") {
    const root = path.findIndex((part) => part.toLowerCase() === "openai");
    path = root === -1 ? path : path.slice(0, root);
  } else if (provider === "anthropic" && path.at(-1) === "anthropic") {
    path = [...path, "v1"];
  } else {
    path = knownPath(provider, url, path.join("/").toLowerCase())?.split("/") ?? path;
  }
  const mended = new URL(url);
  mended.pathname = path.join("/");
  return mended.href.replace(/\/+$/, "");
}

function withoutOperation(given: string[]): string[] {
  let joined = given.map((part) => `/${part}`).join("");
  while (OPERATION.test(joined)) {
    joined = joined.replace(OPERATION, "");
  }
  const path = joined.split("/").filter((part) => part !== "");
  if (VERSION.test(path.at(-3) ?? "") && path.at(-2)?.toLowerCase() === "models") {
    path.splice(-2);
  }
  while (path.length > 1 && VERSION.test(path.at(-1) ?? "") && path.at(-1) === path.at(-2)) {
    path.pop();
  }
  return path;
}

/** The path that a known host has, where `path` is a part of it or a usual mistake. */
function knownPath(provider: Provider, url: URL, path: string): string | null {
  const first = path.split("/")[0];
  if (provider === "openai" && AZURE.test(url.hostname)) {
    return path === "" || first === "openai" ? "openai/v1" : null;
  }
  if (isLocal(url) && LOCAL_PORTS.includes(url.port)) {
    return path === "" || (url.port === OLLAMA && first === "api") ? "v1" : null;
  }
  const known = HOSTS[url.hostname];
  if (known === undefined || (provider === "anthropic" && url.hostname !== "api.anthropic.com")) {
    return null;
  }
  const isPart = ["", "v1", known, `${known}/v1`].includes(path) || known.startsWith(`${path}/`);
  return isPart ? known : null;
}
