//! Changes of many objects that can be undone, wherever the reader goes meanwhile. Only the data: the rest is loaded with
//! the first of them.
import { signal } from "@preact/signals";
import type { Noun } from "../api/client";
import type { Failure } from "../api/failure";
import type { BulkChanged } from "../api/types";

export interface MadeChange {
  number: number;
  noun: Noun;
  text: string;
  /** What was changed; nothing: there is nothing to undo. */
  changed: readonly BulkChanged[];
  /** Why it could not be undone. */
  failure: Failure | null;
  onUndone: () => void;
}

/** Changes that can be undone, or could not be. */
export const madeChanges = signal<MadeChange[]>([]);
