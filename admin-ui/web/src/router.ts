//! Addresses below /admin. Owns the list of pages and the address bar; must not draw anything.
import { signal } from "@preact/signals";

const BASE = "/admin";

export const PAGES = ["channels", "keys", "playground", "routing", "settings"] as const;
export type Page = (typeof PAGES)[number];

/** Where the reader is: a page, and for some pages one thing on it (an id, or `new`). */
export interface Place {
  page: Page | null;
  item: string | null;
}

export const place = signal<Place>(placeOf(location.pathname));

/** Set while a form holds changes that leaving would lose; asks whether to leave. */
let mayLeave: (() => boolean) | null = null;

addEventListener("popstate", () => {
  const { page, item } = place.value;
  if (mayLeave !== null && page !== null && !mayLeave()) {
    history.pushState(null, "", href(page, item));
    return;
  }
  mayLeave = null;
  place.value = placeOf(location.pathname);
});

addEventListener("beforeunload", (event) => {
  if (mayLeave !== null) {
    event.preventDefault();
  }
});

export function guardLeaving(ask: (() => boolean) | null): void {
  mayLeave = ask;
}

export function href(page: Page, item: string | null = null): string {
  return `${BASE}/${page}${item === null ? "" : `/${encodeURIComponent(item)}`}`;
}

export function go(page: Page, item: string | null = null): void {
  if (mayLeave !== null && !mayLeave()) {
    return;
  }
  mayLeave = null;
  history.pushState(null, "", href(page, item));
  place.value = { page, item };
  scrollTo(0, 0);
}

/** A click that should stay in this tab and this document. */
export function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}

export function placeOf(path: string): Place {
  const [first = "", item = null, ...more] = path
    .slice(BASE.length)
    .split("/")
    .filter((part) => part !== "");
  const page = first === "" ? "channels" : (PAGES.find((name) => name === first) ?? null);
  const isKnown = more.length === 0 && (item === null || page === "channels");
  return isKnown ? { page, item } : { page: null, item: null };
}
