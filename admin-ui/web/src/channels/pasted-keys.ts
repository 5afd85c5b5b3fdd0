//! Upstream keys as people paste them: from files of variables, tables, JSON, chats. Pure. What is kept
//! here the gateway judges again.
import { KeyChangeText } from "../../generated/schema";

export interface PastedKeys {
  /** Each once, in the order of the text. */
  keys: string[];
  /** Repetitions within the text. */
  duplicates: number;
  /** Parts of the text that are no keys. */
  others: string[];
}

const QUOTES = /^[\s"'`“”‘’«»<>()[\]{}]+|[\s"'`“”‘’«»<>()[\]{}]+$/g;
/** `export NAME=`, `NAME: `, but not the end of a key in base64. */
const NAME =
  /^(?:export\s+|set\s+|\$env:|const\s+|let\s+)?["']?[A-Za-z_][\w.-]*["']?\s*(?:[:=]\s+|:(?=["'`])|=(?=["'`]))/;
const VARIABLE =
  /^(?:export\s+|set\s+|\$env:)?(?:[A-Z][A-Z0-9]*_[A-Z0-9_]*|[A-Za-z_-]*(?:key|token|secret))\s*[:=]\s*(?=[^\s=])/i;
const SCHEME = /^(?:authorization\s*[:=]\s*)?bearer\s+/i;
const HEADER = /^(?:x-api-key|api-key|x-goog-api-key|authorization)\s*:\s*/i;

export function pastedKeys(text: string): PastedKeys {
  const result: PastedKeys = { keys: [], duplicates: 0, others: [] };
  const seen = new Set<string>();
  for (const line of text.split(/[\r\n]+/)) {
    if (/^\s*(#|\/\/|--)/.test(line)) {
      result.others.push(line.trim());
      continue;
    }
    for (const entry of line.split(/[,;]+/)) {
      for (const part of partsOf(entry)) {
        if (!isKey(part)) {
          result.others.push(part);
        } else if (seen.has(part)) {
          result.duplicates += 1;
        } else {
          seen.add(part);
          result.keys.push(part);
        }
      }
    }
  }
  return result;
}

/** The words of an entry without what surrounds them. */
function partsOf(entry: string): string[] {
  let rest = entry.replace(/^[\s{[(]+/, "");
  for (const around of [NAME, VARIABLE, HEADER, SCHEME]) {
    rest = rest.replace(around, "").replace(QUOTES, "");
  }
  return rest
    .split(/\s+/)
    .map((word) => word.replace(QUOTES, "").replace(VARIABLE, "").replace(QUOTES, ""))
    .filter((word) => /[^\s\-=_*|/.]/.test(word) && !/^bearer$/i.test(word));
}

function isKey(word: string): boolean {
  return (
    word.length <= KeyChangeText.maxLength &&
    /^[\x21-\x7e]+$/.test(word) &&
    // A URL, an address, a hint of a key, and placeholders.
    !/^[a-z]+:\/\//i.test(word) &&
    !/\.\.\.|\*\*\*/.test(word) &&
    !/^(your|my|the|a|an|and|or|key|keys|token|tokens|here|paste|api|is|are|for)$/i.test(word) &&
    !/^[a-z_-]*(?:your|my)[-_](?:api[-_])?(?:key|token)[a-z_-]*$/i.test(word) &&
    !word.endsWith(":")
  );
}
