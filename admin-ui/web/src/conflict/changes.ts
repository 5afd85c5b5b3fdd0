//! What was changed, by whom. Pure.

export type Body = Record<string, unknown>;

/** The members of `after` that are not what they were. */
export function changedMembers(before: Body, after: Body): Body {
  return Object.fromEntries(
    Object.entries(after).filter(([name, value]) => shown(value) !== shown(before[name])),
  );
}

export interface Difference {
  name: string;
  before: string;
  /** `null`: as before. */
  theirs: string | null;
  mine: string | null;
}

/** Where what is stored now, or what is to be saved, differs from what both began with. */
export function differences(before: Body, theirs: Body, mine: Body): Difference[] {
  const names = [
    ...new Set([...Object.keys(before), ...Object.keys(theirs), ...Object.keys(mine)]),
  ];
  return names.flatMap((name) => {
    const [was, is, wanted] = [before, theirs, mine].map((body) => shown(body[name]));
    if (was === undefined || is === undefined || wanted === undefined) {
      return [];
    }
    const difference = {
      name,
      before: was,
      theirs: is === was ? null : is,
      mine: wanted === was ? null : wanted,
    };
    return difference.theirs === null && difference.mine === null ? [] : [difference];
  });
}

/** A value to compare and to show; the order of an object's members says nothing. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
    return value.join(", ");
  }
  return JSON.stringify(value ?? null, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
