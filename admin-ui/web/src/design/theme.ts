//! Light, dark, or whatever the system says. Owns the attribute that tokens.css looks at.
import { effect, signal } from "@preact/signals";
import { readPreference, writePreference } from "../storage";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export const theme = signal<Theme>(readPreference("theme", THEMES) ?? "system");

effect(() => {
  const root = document.documentElement;
  if (theme.value === "system") {
    delete root.dataset["theme"];
  } else {
    root.dataset["theme"] = theme.value;
  }
});

export function chooseTheme(next: Theme): void {
  theme.value = next;
  writePreference("theme", next);
}
