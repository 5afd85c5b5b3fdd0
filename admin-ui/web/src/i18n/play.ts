//! The panel's texts with those of the playground, which only its page loads.
import { computed } from "@preact/signals";
import { t as everywhere, type Language, language, type Messages } from ".";
import { playEn } from "./play.en";
import { playZh } from "./play.zh";

export type PlayMessages = Messages & typeof playEn;

const TEXTS: Record<Language, typeof playEn> = { en: playEn, zh: playZh };

export const t = computed((): PlayMessages => ({ ...everywhere.value, ...TEXTS[language.value] }));
