//! Which of our languages fits a browser's list best.
import type { Language } from "./index";

/** The first of the reader's languages that we have; English if there is none. */
export function matchLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary === "en" || primary === "zh") {
      return primary;
    }
  }
  return "en";
}
