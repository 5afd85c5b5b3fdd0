//! The settings of a channel that are a number: all that the panel must know to show and to save them. Defaults and
//! limits are the API's.
import { ChannelCreateFields } from "../../generated/schema";
import type { Channel } from "../api/types";
import type { Language } from "../i18n";

interface Words {
  label: string;
  hint: string;
}

/** In the order of the form. */
const SETTINGS = {
  connect_timeout_ms: {
    en: { label: "Connect timeout (ms)", hint: "Until the connection is established." },
    zh: { label: "连接超时（毫秒）", hint: "建立连接的时限。" },
  },
  first_byte_timeout_ms: {
    en: { label: "First byte timeout (ms)", hint: "Then the next channel is tried." },
    zh: { label: "首字节超时（毫秒）", hint: "超过后尝试下一个渠道。" },
  },
  idle_timeout_ms: {
    en: { label: "Idle timeout (ms)", hint: "The longest silence inside an answer." },
    zh: { label: "空闲超时（毫秒）", hint: "响应过程中允许的最长静默时间。" },
  },
  hedge_after_ms: {
    en: {
      label: "Hedge after (ms)",
      hint: "Starts the next candidate beside a late one. Empty: never.",
    },
    zh: { label: "对冲延迟（毫秒）", hint: "响应过慢时并行启动下一个候选。留空则不启用。" },
  },
} as const satisfies Partial<Record<keyof Channel, Record<Language, Words>>>;

export type NumberSetting = keyof typeof SETTINGS;
/** As they are typed; empty: null. */
export type TypedNumbers = Record<NumberSetting, string>;

export const NUMBER_SETTINGS = Object.keys(SETTINGS) as NumberSetting[];

export function wordsOf(setting: NumberSetting, language: Language): Words {
  return SETTINGS[setting][language];
}

/** The settings of a new channel. */
export function defaultNumbers(): TypedNumbers {
  return each((name) => typed(ChannelCreateFields[name].default));
}

export function typedNumbers(channel: Channel): TypedNumbers {
  return each((name) => typed(channel[name]));
}

/** What is sent; only a setting whose default is null can be empty. */
export function sentNumbers(numbers: TypedNumbers): Record<NumberSetting, unknown> {
  return each((name) => {
    const canBeNull = ChannelCreateFields[name].default === null;
    return canBeNull && numbers[name].trim() === "" ? null : numberOf(numbers[name]);
  });
}

/** What is no number is sent as it is: the gateway answers what it expects there. */
export function numberOf(text: string): number | string {
  const trimmed = text.trim();
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
}

function typed(value: number | null): string {
  return value === null ? "" : String(value);
}

function each<T>(value: (name: NumberSetting) => T): Record<NumberSetting, T> {
  return Object.fromEntries(NUMBER_SETTINGS.map((name) => [name, value(name)])) as Record<
    NumberSetting,
    T
  >;
}
