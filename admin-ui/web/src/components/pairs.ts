//! Lists and maps of short texts while they are edited. Pure.

/** One text a line; blanks around it and empty lines mean nothing. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

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

/** The names that a row can have: its own, also one that is not known here, and those of no other row. */
export function namesFor(own: string, names: readonly string[], pairs: readonly Pair[]): string[] {
  const free = names.filter((one) => one === own || pairs.every(({ name }) => name !== one));
  return own === "" || free.includes(own) ? free : [own, ...free];
}

/** Values of any type as JSON; plain text without its quotes, unless it would be read as something else. */
export function jsonPairsOf(map: Record<string, unknown>): Pair[] {
  return Object.entries(map).map(([name, value]) => {
    const isPlain = typeof value === "string" && value === value.trim() && parsed(value) === value;
    return pair(name, isPlain ? value : JSON.stringify(value));
  });
}

/** The opposite: what is no JSON is plain text. */
export function jsonMapOf(pairs: Pair[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(mapOf(pairs)).map(([name, value]) => [name, parsed(value)]),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Lists of names, separated by commas. */
export function listPairsOf(map: Record<string, string[]>): Pair[] {
  return Object.entries(map).map(([name, values]) => pair(name, values.join(", ")));
}

export function listMapOf(pairs: Pair[]): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(mapOf(pairs)).map(([name, value]) => [
      name,
      linesOf(value.replaceAll(",", "\n")),
    ]),
  );
}

/** Rows with nothing in them mean nothing. */
export function mapOf(pairs: Pair[]): Record<string, string> {
  return Object.fromEntries(
    pairs
      .filter(({ name, value }) => name.trim() !== "" || value.trim() !== "")
      .map(({ name, value }) => [name.trim(), value.trim()]),
  );
}
