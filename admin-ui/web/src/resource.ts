//! Something the gateway knows, as a page shows it: loaded when the page appears and kept fresh while
//! someone looks at it. Old data stays on the screen while new data comes, and when it does not come.
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Failure, Result } from "./api/failure";

export interface Resource<T> {
  data: Signal<T | null>;
  failure: Signal<Failure | null>;
  /** Whether nothing has come yet, or the reader asked again. */
  loading: Signal<boolean>;
  reload: () => Promise<void>;
}

/** `everyMs`: how long after an answer to ask again. `what`: names that which is loaded; another name
 * is requested at once, and what was there stays until it comes. */
export function useResource<T>(
  load: () => Promise<Result<T>>,
  everyMs?: number,
  what = "",
): Resource<T> {
  const data = useSignal<T | null>(null);
  const failure = useSignal<Failure | null>(null);
  const loading = useSignal(true);
  const latest = useRef(0);
  const loader = useRef(load);
  loader.current = load;

  async function refresh() {
    latest.current += 1;
    const mine = latest.current;
    const result = await loader.current();
    // An answer that was overtaken by a later question is out of date.
    if (mine !== latest.current) {
      return;
    }
    failure.value = result.ok ? null : result.failure;
    if (result.ok) {
      data.value = result.value;
    }
    loading.value = false;
  }

  function reload() {
    loading.value = true;
    return refresh();
  }

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    async function round() {
      clearTimeout(timer);
      await refresh();
      if (!gone && everyMs !== undefined) {
        clearTimeout(timer);
        timer = setTimeout(next, everyMs);
      }
    }
    function next() {
      // A hidden page asks again when it is seen again.
      if (document.visibilityState === "visible") {
        void round();
      }
    }
    loading.value = true;
    void round();
    if (everyMs !== undefined) {
      document.addEventListener("visibilitychange", next);
    }
    return () => {
      gone = true;
      latest.current += 1;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", next);
    };
  }, [what]);

  return { data, failure, loading, reload };
}
