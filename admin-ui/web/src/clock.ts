//! The time, for countdowns: ticks once a second while someone looks. Owns the difference between
//! this machine's clock and the gateway's.
import { signal } from "@preact/signals";

/** The gateway's time, in Unix milliseconds. */
export const now = signal(Date.now());

let ahead = 0;

let latest: object | null = null;

/** Takes the gateway's own time as the one by which its times are read. An answer that is kept, since it has not changed,
 * has the time of when it came. */
export function setClock(answer: { now: string }): void {
  const theirs = Date.parse(answer.now);
  if (answer !== latest && !Number.isNaN(theirs)) {
    latest = answer;
    ahead = theirs - Date.now();
    now.value = theirs;
  }
}

setInterval(() => {
  if (document.visibilityState === "visible") {
    now.value = Date.now() + ahead;
  }
}, 1000);
