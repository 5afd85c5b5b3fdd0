//! Prices while they are edited: typed in dollars, kept in micro-dollars. Pure.
import type { Price } from "../api/types";

/** Prices of tokens that most models have, in dollars per million. */
export const MAIN_PRICES = ["prompt", "cached", "completion"] as const;
/** Those that few have. */
export const OTHER_PRICES = ["cache_write", "cache_write_1h", "reasoning"] as const;
/** Prices in dollars per image, second or request. */
export const UNIT_PRICES = ["image", "second", "request"] as const;

type TokenName = (typeof MAIN_PRICES)[number] | (typeof OTHER_PRICES)[number];
type UnitName = (typeof UNIT_PRICES)[number];
export type AmountName = TokenName | UnitName;

export interface PriceRow extends Record<AmountName, string> {
  /** Tells rows apart while they are edited. */
  row: number;
  model: string;
  /** What is shown only: prices of long prompts and of service tiers. */
  tiers: Price["tiers"];
  service_tiers: Price["service_tiers"];
  /** The price list that it comes from; `null`: it was set by hand. */
  source: string | null;
}

const TOKEN_DIGITS = 6;
/** A millionth of a dollar per million units. */
const UNIT_DIGITS = 12;

let rows = 0;

export function priceRow(model = "", price?: Price): PriceRow {
  rows += 1;
  const amounts = (names: readonly AmountName[], digits: number) =>
    names.map((name) => [name, dollarsOf(price?.[name] ?? null, digits)]);
  return {
    ...(Object.fromEntries([
      ...amounts([...MAIN_PRICES, ...OTHER_PRICES], TOKEN_DIGITS),
      ...amounts(UNIT_PRICES, UNIT_DIGITS),
    ]) as Record<AmountName, string>),
    row: rows,
    model,
    tiers: price?.tiers ?? null,
    service_tiers: price?.service_tiers ?? null,
    source: price?.source ?? null,
  };
}

export function rowsOf(prices: Readonly<Record<string, Price>>): PriceRow[] {
  return Object.entries(prices).map(([model, price]) => priceRow(model, price));
}

/** What is sent. Rows with nothing in them mean nothing; an empty price is none. */
export function pricesOf(typed: readonly PriceRow[]): Record<string, unknown> {
  const texts = (row: PriceRow) =>
    [...MAIN_PRICES, ...OTHER_PRICES, ...UNIT_PRICES].map((name) => row[name]);
  const filled = typed.filter((row) => [row.model, ...texts(row)].some((text) => text.trim()));
  return Object.fromEntries(filled.map((row) => [row.model.trim(), priceOf(row)]));
}

function priceOf(row: PriceRow): object {
  const others = OTHER_PRICES.map((name) => [name, microOf(row[name])]);
  const units = UNIT_PRICES.map((name) => [name, microOf(row[name], UNIT_DIGITS)]);
  const { tiers, service_tiers, source } = row;
  return {
    prompt: microOf(row.prompt) ?? 0,
    cached: microOf(row.cached),
    completion: microOf(row.completion) ?? 0,
    ...stated({ ...Object.fromEntries([...others, ...units]), tiers, service_tiers, source }),
  };
}

/** The same without what is `null`, at any depth. */
function stated(value: object): object {
  const deep = (part: unknown): unknown =>
    Array.isArray(part)
      ? part.map(deep)
      : typeof part === "object" && part !== null
        ? stated(part)
        : part;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== null)
      .map(([name, part]) => [name, deep(part)]),
  );
}

/** Dollars as the API has them, digit by digit, since no binary fraction is 0.1; `null` if nothing is
 * typed. What is no amount is sent as it is: the gateway answers what it expects there. */
export function microOf(typed: string, digits = TOKEN_DIGITS): number | string | null {
  const text = typed.trim().replace(/^\$\s*/, "");
  if (text === "") {
    return null;
  }
  const [, whole, fraction = ""] = /^(\d{1,9})(?:[.,](\d*))?$/.exec(text) ?? [];
  return whole === undefined || fraction.length > digits
    ? typed.trim()
    : Number(whole) * 10 ** digits + Number(fraction.padEnd(digits, "0"));
}

/** The inverse: 2500000 is "2.5". */
export function dollarsOf(micro: number | null, digits = TOKEN_DIGITS): string {
  if (micro === null) {
    return "";
  }
  const fixed = String(micro).padStart(digits + 1, "0");
  return `${fixed.slice(0, -digits)}.${fixed.slice(-digits)}`.replace(/\.?0+$/, "");
}
