//! The texts of this page in the language in force. They are loaded with the page, not with the panel.
import type { ImportNote } from "../api/types";
import { inLanguage } from "../i18n";
import { movingEn } from "../i18n/moving.en";

export const texts = inLanguage<typeof movingEn>(movingEn, ({ movingZh }) => movingZh);

/** The notes that have a text of their own; the gateway says them in English. */
const notes = inLanguage<Readonly<Record<string, string>>>({}, ({ notesZh }) => notesZh);

/** Why something is not imported. */
export function skipText(reason: string | null): string {
  const known: Readonly<Record<string, string>> = texts.value.skip;
  return known[reason ?? "impossible"] ?? texts.value.skip.impossible;
}

/** A note in the reader's language. The gateway says it in English, and some that only a newer one knows. */
export function noteText(note: ImportNote): string {
  return notes.value[note.code]?.replace("{}", () => note.subject) ?? note.message;
}
