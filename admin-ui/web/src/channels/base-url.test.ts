import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { Provider } from "../../generated/schema";
import { suggestedBaseUrl } from "./base-url";

interface Case {
  provider: Provider;
  given: string;
  suggested: string | null;
}

const at = new URL("../../../../crates/gateway-core/fixtures/base_urls.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(at, "utf8")) as { cases: Case[] };

it.each(cases)("$provider: $given", ({ provider, given, suggested }) => {
  expect(suggestedBaseUrl(provider, given)).toBe(suggested);
  if (suggested !== null) {
    expect(suggestedBaseUrl(provider, suggested)).toBe(null);
  }
});

it("survives anything", () => {
  for (const text of [
    "\0",
    "[",
    "[::1",
    "https:",
    "://",
    "a:b",
    "()",
    "https://h/%zz",
    "x".repeat(1e5),
  ]) {
    expect(() => suggestedBaseUrl("openai", text)).not.toThrow();
  }
});
