//! The language in force and its texts. Owns the page's `lang`; must not know any page.
import { computed, effect, signal } from "@preact/signals";
import { readPreference, writePreference } from "../storage";
import { en } from "./en";
import { matchLanguage } from "./match";
import { zh } from "./zh";

export type Messages = typeof en;

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language in its own words, so that whoever needs it can read it. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", zh: "简体中文" };

const MESSAGES: Record<Language, Messages> = { en, zh };
const TAGS: Record<Language, string> = { en: "en", zh: "zh-Hans" };

export const language = signal<Language>(
  readPreference("language", LANGUAGES) ?? matchLanguage(navigator.languages),
);

/** The texts: `t.value["login.title"]`; texts with values are functions of them. */
export const t = computed(() => MESSAGES[language.value]);

effect(() => {
  document.documentElement.lang = TAGS[language.value];
});

export function chooseLanguage(next: Language): void {
  language.value = next;
  writePreference("language", next);
}

/** A time of the API as the reader's clock shows it; the text itself if it is no time. */
export function formatTime(rfc3339: string): string {
  const time = new Date(rfc3339);
  if (Number.isNaN(time.getTime())) {
    return rfc3339;
  }
  const sameDay = time.toDateString() === new Date().toDateString();
  // The reader's own region, so that 24 hours stay 24 hours.
  const region = navigator.languages.find((tag) => tag.startsWith(language.value));
  return new Intl.DateTimeFormat(region ?? TAGS[language.value], {
    ...(sameDay ? {} : { dateStyle: "short" }),
    timeStyle: "short",
  }).format(time);
}

/** A length of time that counts down, in its two largest units. */
export function formatDuration(seconds: number): string {
  const m = t.value;
  if (seconds < 60) {
    return m["time.seconds"](seconds);
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? m["time.minutes"](minutes, seconds % 60)
    : m["time.hours"](Math.floor(minutes / 60), minutes % 60);
}

/** A measured time: milliseconds below a second, else seconds with two digits. */
export function formatMs(ms: number): string {
  return ms < 1000
    ? `${Math.round(ms)} ms`
    : `${new Intl.NumberFormat(TAGS[language.value], { maximumFractionDigits: 2 }).format(ms / 1000)} s`;
}

export function formatCount(count: number): string {
  return new Intl.NumberFormat(TAGS[language.value]).format(count);
}
