//! Whole keys in what is typed or pasted into a search: they become hints, as lists show them, before anything else sees
//! them. A secret must not get into the address, the history or a request. Pure.

/** What API keys of well-known services begin with. */
const PREFIX = /^(?:[spr]k[-_]|nvapi-|gsk_|AIza|xai-|hf_|r8_|fw_|csk-|pplx-|tgp_|eyJ)/;
/** What a key is made of, and not shorter than one. */
const WORDS = /[\w.-]{16,}/g;
/** Without a gap: if it has letters of both kinds and digits, it is no name of a model or an object. */
const RUNS = /[A-Za-z0-9]{20,}/g;
const HEX = /^[0-9a-f]{32,}$/i;

const hintOf = (key: string) => `${key.slice(0, 4)}…${key.slice(-4)}`;

const isRandom = (word: string) =>
  (word.match(RUNS) ?? []).some((run) => [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(run)));

/** The text with hints in the place of what begins as keys do. */
export const withoutKeys = (text: string): string =>
  text.replace(WORDS, (word) => (PREFIX.test(word) ? hintOf(word) : word));

/** The same for a search, where whatever is as random as a key is taken for one. */
export const searchedFor = (text: string): string =>
  text.replace(WORDS, (word) =>
    PREFIX.test(word) || HEX.test(word) || isRandom(word) ? hintOf(word) : word,
  );
