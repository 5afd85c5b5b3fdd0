//! The texts of the audit log's page in the language in force.
import { computed } from "@preact/signals";
import { language } from "../i18n";
import { auditPageEn } from "../i18n/audit-page.en";
import { auditPageZh } from "../i18n/audit-page.zh";

export const texts = computed(() => (language.value === "zh" ? auditPageZh : auditPageEn));

/** A word of the API in the reader's language; one that only a newer gateway knows, as it is. */
export function named(of: Readonly<Record<string, string>>, word: string): string {
  return of[word] ?? word;
}
