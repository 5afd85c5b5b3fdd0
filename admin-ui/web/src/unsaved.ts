//! What was typed and would be lost by leaving: which part of the screen holds it, and the question before it is given
//! up. The router and the dialogs ask here; a form says only whether it holds anything. Draws nothing.
import { batch, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext, useLayoutEffect, useRef } from "preact/hooks";

/** A part of the screen that is left as a whole: the page, or a dialog on it. */
export class Scope {
  #held = new Set<object>();
  #outer: Scope | null;

  constructor(outer: Scope | null = null) {
    this.#outer = outer;
  }

  hold(work: object): void {
    this.#held.add(work);
    this.#outer?.hold(work);
  }

  release(work: object): void {
    this.#held.delete(work);
    this.#outer?.release(work);
  }

  releaseAll(): void {
    for (const work of [...this.#held]) {
      this.release(work);
    }
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }
}

/** Everything on the screen. */
export const everything = new Scope();
export const ScopeContext = createContext(everything);

/** The question that is open: what happens when the answer is to leave. */
export const question = signal<(() => void) | null>(null);

/** Counts how often what was typed was given up: forms that stay on the screen begin again. */
export const givenUp = signal(0);

/** Goes on with `leave`, unless `scope` holds something that the reader does not want to lose. */
export function leaving(scope: Scope, leave: () => void): void {
  if (scope.isEmpty) {
    leave();
    return;
  }
  question.value = () => {
    scope.releaseAll();
    batch(() => {
      question.value = null;
      if (scope === everything) {
        givenUp.value += 1;
      }
      leave();
    });
  };
}

export function stay(): void {
  question.value = null;
}

/** Says whether the form that calls this holds something. Gives a function that says at once that it does not any more,
 * for what follows before the next drawing. */
export function useUnsaved(isUnsaved: boolean): () => void {
  const scope = useContext(ScopeContext);
  const work = useRef({}).current;
  useLayoutEffect(() => {
    if (isUnsaved) {
      scope.hold(work);
    }
    return () => scope.release(work);
  }, [isUnsaved, scope]);
  return () => scope.release(work);
}

/** Whether two values would be sent as the same JSON. */
export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

addEventListener("beforeunload", (event) => {
  if (!everything.isEmpty) {
    event.preventDefault();
  }
});
