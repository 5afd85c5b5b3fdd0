//! The address of one request: what is sent to a colleague, and what is found in what was pasted. Pure but for the page's
//! own origin.
import { href } from "../router";

const ID = /req_[0-9A-Za-z]+/;

/** The id in an id, a link or an error message; `null`: there is none. */
export function idIn(pasted: string): string | null {
  return ID.exec(pasted)?.[0] ?? null;
}

export function linkTo(id: string): string {
  return `${location.origin}${href("requests", id)}`;
}
