//! What an import would change: the document that is in force against the one to come. Pure; judges
//! neither, the gateway does.
export interface Change {
  kind: "added" | "removed" | "changed";
  what: "channel" | "key" | "settings";
  name: string;
  /** The members that differ, with both values as JSON; empty unless changed. */
  members: { name: string; before: string; after: string }[];
}

type Fields = Record<string, unknown>;

/** Times of writing are the gateway's, and hints follow from keys. */
const IGNORED = new Set(["created_at", "updated_at", "id"]);

export function diff(before: unknown, after: unknown): Change[] {
  const [old, next] = [fields(before), fields(after)];
  const inForce = settingsOf(old);
  const settings = members(inForce, { ...emptied(inForce), ...settingsOf(next) });
  return [
    ...compare("channel", old["channels"], next["channels"]),
    ...compare("key", old["keys"], next["keys"]),
    ...(settings.length === 0
      ? []
      : [{ kind: "changed" as const, what: "settings" as const, name: "", members: settings }]),
  ];
}

/** The settings, and alerts beside them. */
function settingsOf(document: Fields): Fields {
  const { settings, alerts } = document;
  return { ...fields(settings), ...(alerts === undefined ? {} : { alerts }) };
}

function compare(what: "channel" | "key", before: unknown, after: unknown): Change[] {
  const [old, next] = [list(before), list(after)];
  const left = new Set(old);
  const changes: Change[] = [];
  for (const one of next) {
    // By id where there is one, as the gateway does it, else by name.
    const same = old.find((other) =>
      one["id"] === undefined ? other["name"] === one["name"] : other["id"] === one["id"],
    );
    if (same === undefined) {
      changes.push({ kind: "added", what, name: nameOf(one), members: [] });
      continue;
    }
    left.delete(same);
    const different = members(same, one);
    if (different.length > 0) {
      changes.push({ kind: "changed", what, name: nameOf(one), members: different });
    }
  }
  for (const one of left) {
    changes.push({ kind: "removed", what, name: nameOf(one), members: [] });
  }
  return changes;
}

function members(before: Fields, after: Fields): Change["members"] {
  return Object.keys(after)
    .filter((name) => !IGNORED.has(name))
    .map((name) => ({ name, before: shown(before[name]), after: shown(after[name]) }))
    .filter((one) => one.before !== one.after);
}

/** Lists and tables of the settings as they are after an import that leaves them out. */
function emptied(settings: Fields): Fields {
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => typeof value === "object" && value !== null)
      .map(([name, value]) => [name, Array.isArray(value) ? [] : {}]),
  );
}

/** A value to compare and to show. A secret is neither: its hint and id are shown instead. */
function shown(value: unknown): string {
  return JSON.stringify(value ?? null, (name, inner: unknown) => {
    if (name === "key" || name === "url" || name === "secret") {
      return undefined;
    }
    if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) {
      return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
    }
    return inner;
  });
}

function nameOf(one: Fields): string {
  return typeof one["name"] === "string" ? one["name"] : String(one["id"] ?? "?");
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {};
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}
