//! Addresses below /admin. Owns the list of pages and the address bar; must not draw anything.
import { signal } from "@preact/signals";

const BASE = "/admin";

export const PAGES = ["channels"] as const;
export type Page = (typeof PAGES)[number];

export const page = signal<Page | null>(pageOf(location.pathname));

addEventListener("popstate", () => {
  page.value = pageOf(location.pathname);
});

export function href(of: Page): string {
  return `${BASE}/${of}`;
}

export function go(to: Page): void {
  history.pushState(null, "", href(to));
  page.value = to;
}

/** A click that should stay in this tab and this document. */
export function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}

function pageOf(path: string): Page | null {
  const rest = path.slice(BASE.length).replace(/^\/+|\/+$/g, "");
  return rest === "" ? "channels" : (PAGES.find((name) => name === rest) ?? null);
}
