//! What the generated readers are made of. What comes out of a reader has the type it says, whatever came in.

/** The answer does not have the agreed shape. */
export class ShapeError extends Error {}

export type Reader<T> = (value: unknown, where: string) => T;
/** The type that a reader gives. */
export type Read<R> = R extends Reader<infer T> ? T : never;

function of<T>(is: (value: unknown) => value is T): Reader<T> {
  return (value, where) => {
    if (!is(value)) {
      throw new ShapeError(`${where} is ${value === null ? "null" : typeof value}`);
    }
    return value;
  };
}

export const text = of((value): value is string => typeof value === "string");
export const number = of((value): value is number => typeof value === "number");
export const flag = of((value): value is boolean => typeof value === "boolean");
const array = of((value): value is unknown[] => Array.isArray(value));
const members = of(
  (value): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value),
);

/** A value of which nothing is known. */
export const anything: Reader<unknown> = (value) => value;

/** Absent counts as null. */
export function nullable<T>(read: Reader<T>): Reader<T | null> {
  return (value, where) => (value === null || value === undefined ? null : read(value, where));
}

/** What a gateway without this member means by its absence. */
export function or<T>(read: Reader<T>, absent: T): Reader<T> {
  return (value, where) => (value === undefined ? absent : read(value, where));
}

export function list<T>(read: Reader<T>): Reader<T[]> {
  return (value, where) => array(value, where).map((one, index) => read(one, `${where}[${index}]`));
}

export function dictionary<T>(read: Reader<T>): Reader<Record<string, T>> {
  return (value, where) =>
    Object.fromEntries(
      Object.entries(members(value, where)).map(([name, one]) => [
        name,
        read(one, `${where}.${name}`),
      ]),
    );
}

/** An object with at least these members; others are left out of the result. */
export function record<S extends Record<string, Reader<unknown>>>(
  shape: S,
): Reader<{ [name in keyof S]: Read<S[name]> }> {
  return (value, where) => {
    const from = members(value, where);
    const result: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(shape)) {
      result[name] = read(from[name], `${where}.${name}`);
    }
    return result as { [name in keyof S]: Read<S[name]> };
  };
}
