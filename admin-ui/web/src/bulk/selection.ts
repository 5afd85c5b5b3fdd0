//! Which rows of a list are chosen, and ranges of them. Draws nothing and asks nobody.
import { signal } from "@preact/signals";

/** So many objects one call of the API changes. */
export const MOST = 2_000;

export class Selection {
  readonly ids = signal<ReadonlySet<string>>(new Set());
  /** The row that was chosen last: a range begins there. */
  #last: string | null = null;

  get size(): number {
    return this.ids.value.size;
  }

  has(id: string): boolean {
    return this.ids.value.has(id);
  }

  /** Chooses a row or not; with `order`, the rows as they are listed, also all from the last one to it. */
  choose(id: string, isChosen: boolean, order: readonly string[] | null = null): void {
    const range = order === null ? [id] : rangeOf(order, this.#last, id);
    const next = new Set(this.ids.value);
    for (const one of range) {
      if (!isChosen) {
        next.delete(one);
      } else if (next.size < MOST) {
        next.add(one);
      }
    }
    this.#last = id;
    this.ids.value = next;
  }

  /** Chooses these and no others, as many as one call may change. */
  set(ids: readonly string[]): void {
    this.#last = null;
    this.ids.value = new Set(ids.slice(0, MOST));
  }

  /** Those are gone. */
  drop(gone: Iterable<string>): void {
    const next = new Set(this.ids.value);
    for (const id of gone) {
      next.delete(id);
    }
    if (next.size !== this.ids.value.size) {
      this.ids.value = next;
    }
  }

  clear(): void {
    this.#last = null;
    if (this.size > 0) {
      this.ids.value = new Set();
    }
  }
}

/** The rows from one to another, whichever comes first; the other alone if one of them is not listed. */
function rangeOf(order: readonly string[], from: string | null, to: string): readonly string[] {
  const [one, other] = [from === null ? -1 : order.indexOf(from), order.indexOf(to)];
  if (one < 0 || other < 0) {
    return [to];
  }
  return order.slice(Math.min(one, other), Math.max(one, other) + 1);
}
