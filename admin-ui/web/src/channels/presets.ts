//! Upstreams that people have, with what is known of them, so that only a key is left to fill in.
import type { Provider } from "../../generated/schema";

export interface Preset {
  id: string;
  name: string;
  provider: Provider;
  baseUrl: string;
  /** Runs on one's own machine and needs no key. */
  keyless?: boolean;
}

export const PRESETS: readonly Preset[] = [
  preset("openai", "OpenAI", "https://api.openai.com/v1"),
  preset("openrouter", "OpenRouter", "https://openrouter.ai/api/v1"),
  preset("nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1"),
  {
    id: "anthropic",
    name: "Anthropic",
    provider: "anthropic",
    baseUrl: "https://api.anthropic.com/v1",
  },
  preset("anthropic-openai", "Anthropic (OpenAI-compatible)", "https://api.anthropic.com/v1"),
  preset("gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
  {
    id: "azure",
    name: "Azure OpenAI",
    provider: "azure",
    baseUrl: "https://RESOURCE.openai.azure.com",
  },
  preset("groq", "Groq", "https://api.groq.com/openai/v1"),
  preset("deepseek", "DeepSeek", "https://api.deepseek.com/v1"),
  preset("mistral", "Mistral", "https://api.mistral.ai/v1"),
  preset("moonshot", "Moonshot (Kimi)", "https://api.moonshot.ai/v1"),
  preset("qwen", "Qwen", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
  preset("xai", "xAI", "https://api.x.ai/v1"),
  { ...preset("ollama", "Ollama", "http://127.0.0.1:11434/v1"), keyless: true },
  { ...preset("vllm", "vLLM", "http://127.0.0.1:8000/v1"), keyless: true },
];

/** The first preset of a kind of provider, by which it is named. */
export function presetOf(provider: Provider): Preset {
  const found = PRESETS.find((preset) => preset.provider === provider);
  return found ?? { id: provider, name: provider, provider, baseUrl: "" };
}

function preset(id: string, name: string, baseUrl: string): Preset {
  return { id, name, provider: "openai", baseUrl };
}
