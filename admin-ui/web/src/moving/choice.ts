//! What of another gateway's file is imported. Pure: the page draws it, the gateway decides what is possible.
import type { Import, ImportAlias, ImportChannel, ImportInput, ImportKey } from "../api/types";

/** Anything of a file that can be imported. */
export type Item = ImportChannel | ImportKey | ImportAlias;

/** The largest file that the gateway takes, in bytes. */
export const MAX_FILE_BYTES = 12_000_000;

/** Whether the reader has the choice. A channel that is there already can be created again. */
export function isPossible({ skipped }: Item): boolean {
  return skipped === null || skipped === "left_out";
}

/** At first everything but what is there already. */
export function leftOutAtFirst(plan: Import): ReadonlySet<string> {
  const twins = plan.channels.filter(({ duplicate_of }) => duplicate_of !== null);
  return new Set(twins.map(({ item }) => item));
}

export function toggled(leftOut: ReadonlySet<string>, items: readonly Item[], isTaken: boolean) {
  const next = new Set(leftOut);
  for (const { item } of items) {
    if (isTaken) {
      next.delete(item);
    } else {
      next.add(item);
    }
  }
  return next;
}

/** Those that are imported. */
export function taken<T extends Item>(items: readonly T[], leftOut: ReadonlySet<string>): T[] {
  return items.filter((item) => isPossible(item) && !leftOut.has(item.item));
}

export interface Wishes {
  /** In base64. */
  file: string;
  /** `null`: what it looks like. */
  format: ImportInput["format"] | null;
  skipNames: boolean;
  variables: Readonly<Record<string, string>>;
}

/** A request of the admin API. */
export function requestOf(wishes: Wishes, leftOut: ReadonlySet<string>): ImportInput {
  const { file, format, skipNames, variables } = wishes;
  const given = Object.entries(variables).filter(([, value]) => value.trim() !== "");
  return {
    file,
    ...(format === null || format === undefined ? {} : { format }),
    name_conflicts: skipNames ? "skip" : "rename",
    duplicates: "create",
    leave_out: [...leftOut],
    variables: Object.fromEntries(given),
  };
}

/** A file's bytes in base64. */
export function base64Of(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      const url = String(reader.result);
      resolve(url.slice(url.indexOf(",") + 1));
    };
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
