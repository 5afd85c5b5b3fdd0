//! Addresses below /admin. Owns the list of pages and the address bar; must not draw anything.
import { signal } from "@preact/signals";
import { everything, leaving } from "./unsaved";
import { searchedFor, withoutKeys } from "./whole-keys";

const BASE = "/admin";

export const PAGES = [
  "overview",
  "channels",
  "keys",
  "requests",
  "playground",
  "routing",
  "alerts",
  "audit",
  "settings",
  "accounts",
] as const;
/** Pages that other pages lead to, and that are not in the navigation. */
export const SIDE_PAGES = ["import"] as const;
export type Page = (typeof PAGES)[number] | (typeof SIDE_PAGES)[number];

/** What a page shows of itself: filters and ranges, so that a view can be linked to and gone back to. */
export type Query = Readonly<Record<string, string>>;

/** Where the reader is: a page, and for some pages one thing on it (an id, or `new`). */
export interface Place {
  page: Page | null;
  item: string | null;
}

export const place = signal<Place>(placeOf(location.pathname));
export const query = signal<Query>(queryOf(location.search));

addEventListener("popstate", () => {
  const { page, item } = place.value;
  if (!everything.isEmpty && page !== null) {
    // The browser has left already: this goes back to the page, and after the answer once more to where it was.
    history.pushState(null, "", href(page, item, query.value));
    leaving(everything, () => history.back());
    return;
  }
  query.value = queryOf(location.search);
  place.value = placeOf(location.pathname);
});

export function href(page: Page, item: string | null = null, asked: Query = {}): string {
  const search = new URLSearchParams(asked).toString();
  const path = `${BASE}/${page}${item === null ? "" : `/${encodeURIComponent(item)}`}`;
  return search === "" ? path : `${path}?${search}`;
}

/** A query without the whole keys that someone may have pasted: addresses are kept, sent and logged. */
export function safe(asked: Query): Query {
  return Object.fromEntries(
    Object.entries(asked).map(([name, value]) => [
      name,
      name === "q" ? searchedFor(value) : withoutKeys(value),
    ]),
  );
}

export function go(page: Page, item: string | null = null, wanted: Query = {}): void {
  leaving(everything, () => {
    const asked = safe(wanted);
    history.pushState(null, "", href(page, item, asked));
    query.value = asked;
    place.value = { page, item };
    scrollTo(0, 0);
  });
}

/** Changes what the page shows of itself; an empty value takes a member away. No step of the history:
 * going back leads to the page before, not through every filter that was tried. */
export function ask(change: Query): void {
  const { page, item } = place.value;
  const kept = Object.entries({ ...query.value, ...change }).filter(([, value]) => value !== "");
  query.value = safe(Object.fromEntries(kept));
  if (page !== null) {
    history.replaceState(null, "", href(page, item, query.value));
  }
}

/** A click that should stay in this tab and this document. */
export function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}

export function queryOf(search: string): Query {
  const all = [...new URLSearchParams(search)].filter(([, value]) => value !== "");
  return safe(Object.fromEntries(all));
}

export function placeOf(path: string): Place {
  const [first = "", item = null, ...more] = path
    .slice(BASE.length)
    .split("/")
    .filter((part) => part !== "");
  const page =
    first === "" ? "overview" : ([...PAGES, ...SIDE_PAGES].find((name) => name === first) ?? null);
  const hasItems = page === "channels" || page === "keys" || page === "requests";
  const isKnown = more.length === 0 && (item === null || hasItems);
  return isKnown ? { page, item } : { page: null, item: null };
}
