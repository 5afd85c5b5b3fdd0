//! The panel's texts with those of the playground, which only its page loads.
import { computed } from "@preact/signals";
import { t as everywhere, inLanguage, type Messages } from ".";
import { playEn } from "./play.en";

export type PlayMessages = Messages & typeof playEn;

const own = inLanguage<typeof playEn>(playEn, ({ playZh }) => playZh);

export const t = computed((): PlayMessages => ({ ...everywhere.value, ...own.value }));
