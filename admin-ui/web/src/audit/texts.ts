//! The texts of the audit log's page in the language in force.
import { inLanguage } from "../i18n";
import { auditPageEn } from "../i18n/audit-page.en";

export const texts = inLanguage<typeof auditPageEn>(auditPageEn, ({ auditPageZh }) => auditPageZh);

/** A word of the API in the reader's language; one that only a newer gateway knows, as it is. */
export function named(of: Readonly<Record<string, string>>, word: string): string {
  return of[word] ?? word;
}
