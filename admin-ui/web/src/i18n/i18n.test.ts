import { describe, expect, it } from "vitest";
import { accountsEn } from "./accounts.en";
import { accountsZh } from "./accounts.zh";
import { en } from "./en";
import { matchLanguage } from "./match";
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
  it("are filled and translated", () => {
    const english: Readonly<Record<string, unknown>> = { ...en, ...accountsEn };
    for (const [name, text] of Object.entries({ ...zh, ...accountsZh })) {
      expect(text, name).not.toBe("");
      if (typeof text === "string") {
        expect(text, name).not.toBe(english[name]);
      }
    }
  });
});
