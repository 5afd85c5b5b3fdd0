//! The texts of this page in the language in force. They are loaded with the page, not with the panel.
import { computed } from "@preact/signals";
import type { ImportNote } from "../api/types";
import { language } from "../i18n";
import { movingEn } from "../i18n/moving.en";
import { movingZh, notesZh } from "../i18n/moving.zh";

const TEXTS = { en: movingEn, zh: movingZh };

export const texts = computed(() => TEXTS[language.value]);

/** Why something is not imported. */
export function skipText(reason: string | null): string {
  const known: Readonly<Record<string, string>> = texts.value.skip;
  return known[reason ?? "impossible"] ?? texts.value.skip.impossible;
}

/** A note in the reader's language. The gateway says it in English, and some that only a newer one knows. */
export function noteText(note: ImportNote): string {
  const known: Readonly<Record<string, string>> = language.value === "zh" ? notesZh : {};
  return known[note.code]?.replace("{}", () => note.subject) ?? note.message;
}
