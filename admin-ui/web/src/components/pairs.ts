//! Lists and maps of short texts while they are edited. Pure.

/** Lines, commas and blanks separate; what is there already is not taken twice. */
export function addedTo(values: string[], typed: string): string[] {
  return [...new Set([...values, ...typed.split(/[\s,;]+/).filter((one) => one !== "")])];
}

export interface Pair {
  /** Tells rows apart while they are edited. */
  row: number;
  name: string;
  value: string;
}

let rows = 0;

export function pairsOf(map: Record<string, string>): Pair[] {
  return Object.entries(map).map(([name, value]) => pair(name, value));
}

/** A new row. */
export function pair(name: string, value: string): Pair {
  rows += 1;
  return { row: rows, name, value };
}

/** Rows with nothing in them mean nothing. */
export function mapOf(pairs: Pair[]): Record<string, string> {
  return Object.fromEntries(
    pairs
      .filter(({ name, value }) => name.trim() !== "" || value.trim() !== "")
      .map(({ name, value }) => [name.trim(), value.trim()]),
  );
}
