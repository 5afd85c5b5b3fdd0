//! The language in force and its texts. Owns the page's `lang`; must not know any page.
import { computed, effect, signal } from "@preact/signals";
import { readPreference, writePreference } from "../storage";
import { en } from "./en";
import { matchLanguage } from "./match";

export type Messages = typeof en;

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language by its own name, so that its speakers can read it. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", zh: "简体中文" };

/** The texts in Chinese, once they are loaded. */
type Chinese = typeof import("./chinese");
const chinese = signal<Chinese | null>(null);

const TAGS: Record<Language, string> = { en: "en", zh: "zh-Hans" };

export const language = signal<Language>(
  readPreference("language", LANGUAGES) ?? matchLanguage(navigator.languages),
);

/** Texts in the language in force; those in Chinese are found in what is loaded for it. */
export function inLanguage<Texts>(english: Texts, find: (chinese: Chinese) => Texts) {
  return computed(() =>
    language.value === "zh" && chinese.value !== null ? find(chinese.value) : english,
  );
}

/** The texts: `t.value["login.title"]`; texts with values are functions of them. */
export const t = inLanguage<Messages>(en, ({ zh }) => zh);

/** Loads what a language needs; `false`: it could not be loaded. English needs nothing. */
async function load(wanted: Language): Promise<boolean> {
  if (wanted === "zh" && chinese.value === null) {
    try {
      chinese.value = await import("./chinese");
    } catch {
      return false;
    }
  }
  return true;
}

/** Before the first drawing: the texts of the language in force. Without them the panel is in English. */
export async function loadLanguage(): Promise<void> {
  if (!(await load(language.value))) {
    language.value = "en";
  }
}

effect(() => {
  document.documentElement.lang = TAGS[language.value];
});

/** The language stays as it is where its texts cannot be loaded. */
export async function chooseLanguage(next: Language): Promise<void> {
  if (await load(next)) {
    language.value = next;
    writePreference("language", next);
  }
}

/** The reasons that have a text: all that the API knows. */
export const REASONS = Object.keys(en).flatMap((name) =>
  name.startsWith("reason.") ? [name.slice("reason.".length) as ReasonName] : [],
);
type ReasonName = keyof Messages extends infer Name
  ? Name extends `reason.${infer Reason}`
    ? Reason
    : never
  : never;

/** A word of the API in the reader's language; one that only a newer gateway knows, as it is. */
export function word(kind: "end" | "outcome" | "reason" | "why", said: string): string {
  const texts: Readonly<Record<string, unknown>> = t.value;
  const text = texts[`${kind}.${said}`];
  return typeof text === "string" ? text : said;
}

/** A time of the API as the reader's clock shows it; the text itself if it is no time. */
export function formatTime(rfc3339: string): string {
  const time = new Date(rfc3339);
  if (Number.isNaN(time.getTime())) {
    return rfc3339;
  }
  const sameDay = time.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(region(), {
    ...(sameDay ? {} : { dateStyle: "short" }),
    timeStyle: "short",
  }).format(time);
}

/** The reader's own region, so that 24 hours stay 24 hours. */
function region(): string {
  const own = navigator.languages.find((tag) => tag.startsWith(language.value));
  return own ?? TAGS[language.value];
}

/** A time of the log, to the second; with its day unless that is today. */
export function formatSecond(rfc3339: string): string {
  const time = new Date(rfc3339);
  const sameDay = time.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(region(), {
    ...(sameDay ? {} : { month: "short", day: "numeric" }),
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).format(time);
}

/** The gateway counts days in UTC; hours are shown on the reader's clock. */
type Bucket = "hour" | "day";

export function formatBucket(unixSeconds: number, bucket: Bucket): string {
  return bucket === "day"
    ? formatDay(unixSeconds, bucket)
    : `${formatDay(unixSeconds, bucket)} ${formatHour(unixSeconds)}`;
}

export function formatDay(unixSeconds: number, bucket: Bucket): string {
  return new Intl.DateTimeFormat(region(), {
    month: "short",
    day: "numeric",
    ...(bucket === "day" ? { timeZone: "UTC" } : {}),
  }).format(unixSeconds * 1000);
}

export function formatHour(unixSeconds: number): string {
  return new Intl.DateTimeFormat(region(), { hour: "2-digit", minute: "2-digit" }).format(
    unixSeconds * 1000,
  );
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

/** A large number in a few characters. */
export function formatCompact(count: number): string {
  return new Intl.NumberFormat(TAGS[language.value], {
    notation: "compact",
    maximumFractionDigits: count < 1000 ? 0 : 1,
  }).format(count);
}

/** Money: cents, and below them as many digits as say something. */
export function formatUsd(microUsd: number): string {
  const usd = microUsd / 1_000_000;
  const isTiny = usd !== 0 && Math.abs(usd) < 0.1;
  return new Intl.NumberFormat(TAGS[language.value], {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    ...(isTiny ? { maximumSignificantDigits: 2 } : {}),
  }).format(usd);
}

export function formatPercent(part: number): string {
  return new Intl.NumberFormat(TAGS[language.value], {
    style: "percent",
    maximumFractionDigits: part > 0 && part < 0.1 ? 1 : 0,
  }).format(part);
}

/** By how much something has changed, with its sign. */
export function formatChange(share: number): string {
  return new Intl.NumberFormat(TAGS[language.value], {
    style: "percent",
    signDisplay: "exceptZero",
    maximumFractionDigits: 0,
  }).format(share);
}

export function formatCount(count: number): string {
  return new Intl.NumberFormat(TAGS[language.value]).format(count);
}
