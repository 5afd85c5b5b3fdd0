//! The texts of the pages about people, in the language in force. They are loaded with these pages, not with the first view.
import { computed } from "@preact/signals";
import { language } from "../i18n";
import { accountsEn } from "../i18n/accounts.en";
import { accountsZh } from "../i18n/accounts.zh";

const TEXTS = { en: accountsEn, zh: accountsZh };

/** `own.value["own.title"]`; beside `t`, which has the texts of all pages. */
export const own = computed(() => TEXTS[language.value]);
