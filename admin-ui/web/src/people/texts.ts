//! The texts of the pages about people, in the language in force. They are loaded with these pages, not with the first view.
import { inLanguage } from "../i18n";
import { accountsEn } from "../i18n/accounts.en";

/** `own.value["own.title"]`; beside `t`, which has the texts of all pages. */
export const own = inLanguage<typeof accountsEn>(accountsEn, ({ accountsZh }) => accountsZh);
