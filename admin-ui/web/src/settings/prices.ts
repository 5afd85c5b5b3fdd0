//! Prices while they are edited: typed in dollars, kept in micro-dollars. Pure.
import type { Price } from "../api/types";

export interface PriceRow {
  /** Tells rows apart while they are edited. */
  row: number;
  model: string;
  /** Dollars per million tokens, as typed; `cached` may be empty: as `prompt`. */
  prompt: string;
  cached: string;
  completion: string;
}

let rows = 0;

export function priceRow(model = "", price?: Price): PriceRow {
  rows += 1;
  return {
    row: rows,
    model,
    prompt: price === undefined ? "" : dollarsOf(price.prompt),
    cached: price === undefined || price.cached === null ? "" : dollarsOf(price.cached),
    completion: price === undefined ? "" : dollarsOf(price.completion),
  };
}

export function rowsOf(prices: Readonly<Record<string, Price>>): PriceRow[] {
  return Object.entries(prices).map(([model, price]) => priceRow(model, price));
}

/** What is sent. Rows with nothing in them mean nothing; an empty price is none. */
export function pricesOf(typed: readonly PriceRow[]): Record<string, unknown> {
  const filled = typed.filter(({ model, prompt, cached, completion }) =>
    [model, prompt, cached, completion].some((text) => text.trim() !== ""),
  );
  return Object.fromEntries(
    filled.map(({ model, prompt, cached, completion }) => [
      model.trim(),
      {
        prompt: microOf(prompt) ?? 0,
        cached: microOf(cached),
        completion: microOf(completion) ?? 0,
      },
    ]),
  );
}

/** Dollars as micro-dollars, digit by digit, since no binary fraction is 0.1; `null` if nothing is
 * typed. What is no amount is sent as it is: the gateway says what it wants there. */
export function microOf(typed: string): number | string | null {
  const text = typed.trim().replace(/^\$\s*/, "");
  if (text === "") {
    return null;
  }
  const [, whole, fraction = ""] = /^(\d{1,9})(?:[.,](\d{0,6}))?$/.exec(text) ?? [];
  return whole === undefined
    ? typed.trim()
    : Number(whole) * 1_000_000 + Number(fraction.padEnd(6, "0"));
}

/** The inverse: 2500000 is "2.5". */
export function dollarsOf(micro: number): string {
  return String(micro / 1_000_000);
}
