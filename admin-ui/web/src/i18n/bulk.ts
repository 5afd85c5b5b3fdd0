//! The texts of changes to many objects at once, which come with what needs them: the first view does without.
import { bulkEn } from "./bulk.en";
import { inLanguage } from "./index";

export const bulkTexts = inLanguage<typeof bulkEn>(bulkEn, ({ bulkZh }) => bulkZh);
