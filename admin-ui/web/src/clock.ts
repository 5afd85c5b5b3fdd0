//! The time, for countdowns: ticks once a second while someone looks. Owns the difference between
//! this machine's clock and the gateway's.
import { signal } from "@preact/signals";

/** The gateway's time, in Unix milliseconds. */
export const now = signal(Date.now());

let ahead = 0;

/** Takes the gateway's own time as the one by which its times are read. */
export function setClock(rfc3339: string): void {
  const theirs = Date.parse(rfc3339);
  if (!Number.isNaN(theirs)) {
    ahead = theirs - Date.now();
    now.value = theirs;
  }
}

setInterval(() => {
  if (document.visibilityState === "visible") {
    now.value = Date.now() + ahead;
  }
}, 1000);
