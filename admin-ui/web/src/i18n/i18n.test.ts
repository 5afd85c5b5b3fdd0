import { describe, expect, it } from "vitest";
import { accountsEn } from "./accounts.en";
import { accountsZh } from "./accounts.zh";
import { en } from "./en";
import { matchLanguage } from "./match";
import { playEn } from "./play.en";
import { playZh } from "./play.zh";
import { zh } from "./zh";

describe("matchLanguage", () => {
  it.each([
    [["zh-CN", "en"], "zh"],
    [["de-DE", "zh-Hans", "en"], "zh"],
    [["en-GB", "zh"], "en"],
    [["de", "fr"], "en"],
    [[], "en"],
  ])("%j is %s", (wanted, expected) => {
    expect(matchLanguage(wanted)).toBe(expected);
  });
});

describe("texts", () => {
  it.each([
    ["everywhere", en, zh],
    ["in the playground", playEn, playZh],
    ["of accounts", accountsEn, accountsZh],
  ])("%s are filled and translated", (_, english: object, chinese: object) => {
    const originals = new Map<string, unknown>(Object.entries(english));
    for (const [name, text] of Object.entries(chinese)) {
      expect(text, name).not.toBe("");
      if (typeof text === "string") {
        expect(text, name).not.toBe(originals.get(name));
      }
    }
  });
});
