//! A long list as a page shows it: loaded page by page as one scrolls, and those pages kept fresh that are in view.
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Failure, Result } from "./api/failure";

export interface PageOf<T> {
  data: T[];
  next: string | null;
  total: number | null;
}

interface Loaded<T> extends PageOf<T> {
  /** The cursor that gave it. */
  cursor: string | null;
}

export interface Pages<T> {
  /** `null`: nothing has come yet. */
  rows: Signal<T[] | null>;
  total: Signal<number | null>;
  failure: Signal<Failure | null>;
  loading: Signal<boolean>;
  reload: () => Promise<void>;
  /** What is in view, as indices of rows; near the end the next page is loaded. */
  onRange: (first: number, end: number) => void;
}

/** So many rows before the end the next page is loaded. */
const AHEAD = 30;

/** Loads the list of this name; another name is another list, and what was there stays until it comes. */
export function usePages<T>(
  load: (cursor: string | null) => Promise<Result<PageOf<T>>>,
  everyMs: number,
  what: string,
): Pages<T> {
  const rows = useSignal<T[] | null>(null);
  const total = useSignal<number | null>(null);
  const failure = useSignal<Failure | null>(null);
  const loading = useSignal(true);
  const pages = useRef<Loaded<T>[]>([]);
  const view = useRef<[first: number, end: number]>([0, 1]);
  const latest = useRef(0);
  const isLoadingMore = useRef(false);
  const loader = useRef(load);
  loader.current = load;

  function show(list: Loaded<T>[]) {
    pages.current = list;
    const next = list.flatMap(({ data }) => data);
    const shown = rows.value;
    // The same objects in the same order: nothing to draw.
    if (shown?.length !== next.length || next.some((row, index) => row !== shown[index])) {
      rows.value = next;
    }
    total.value = list[0]?.total ?? null;
  }

  /** Asks for the pages in view again. Where one of them ends elsewhere now, those behind it are out of date. */
  async function refresh() {
    latest.current += 1;
    const mine = latest.current;
    const list = [...pages.current];
    const [first, last] = pagesIn(list, view.current);
    for (let index = first; index <= last; index += 1) {
      const cursor = index === 0 ? null : (list[index - 1]?.next ?? null);
      if (index > 0 && cursor === null) {
        list.length = index;
        break;
      }
      const result = await loader.current(cursor);
      if (mine !== latest.current) {
        return;
      }
      if (!result.ok) {
        failure.value = result.failure;
        loading.value = false;
        return;
      }
      if (list[index]?.next !== result.value.next) {
        list.length = index;
      }
      list[index] = { ...result.value, cursor };
    }
    failure.value = null;
    loading.value = false;
    show(list);
  }

  async function more() {
    const list = pages.current;
    const cursor = list.at(-1)?.next ?? null;
    if (cursor === null || isLoadingMore.current) {
      return;
    }
    isLoadingMore.current = true;
    const result = await loader.current(cursor);
    isLoadingMore.current = false;
    // Something else may be shown by now.
    if (result.ok && pages.current.at(-1)?.next === cursor) {
      show([...pages.current, { ...result.value, cursor }]);
    }
  }

  function reload() {
    loading.value = true;
    return refresh();
  }

  function onRange(first: number, end: number) {
    view.current = [first, end];
    if (end >= (rows.value?.length ?? 0) - AHEAD) {
      void more();
    }
  }

  useEffect(() => {
    pages.current = [];
    view.current = [0, 1];
    loading.value = true;
    const stop = repeat(refresh, everyMs);
    return () => {
      latest.current += 1;
      stop();
    };
  }, [what]);

  return { rows, total, failure, loading, reload, onRange };
}

/** Runs `task` now and again and again while the page is visible; returns what ends it. */
function repeat(task: () => Promise<void>, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let gone = false;
  async function round() {
    clearTimeout(timer);
    await task();
    if (!gone) {
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
  void round();
  document.addEventListener("visibilitychange", next);
  return () => {
    gone = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", next);
  };
}

/** The first and the last page with a row in view. */
export function pagesIn(
  pages: readonly { data: readonly unknown[] }[],
  [first, end]: readonly [number, number],
): [first: number, last: number] {
  const found: [number, number] = [0, 0];
  let at = 0;
  for (const [index, { data }] of pages.entries()) {
    if (at <= first) {
      found[0] = index;
    }
    if (at < end) {
      found[1] = index;
    }
    at += data.length;
  }
  return found;
}
