//! The texts of changes to many objects at once, which come with what needs them: the first view does without.
import { computed } from "@preact/signals";
import { bulkEn } from "./bulk.en";
import { bulkZh } from "./bulk.zh";
import { language } from "./index";

const TEXTS = { en: bulkEn, zh: bulkZh };

export const bulkTexts = computed(() => TEXTS[language.value]);
