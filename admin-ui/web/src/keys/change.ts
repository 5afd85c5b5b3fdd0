//! What is sent of an edited client key: only what was changed. Pure.
import type { ClientKey } from "../api/types";
import { type Body, changedMembers } from "../conflict/changes";

/** The members that people set, as the API has them; each limit by itself. */
export function seenKey(key: ClientKey): Body {
  const { name, tags, enabled, models, expires_at, limits } = key;
  return { name, tags, enabled, models, expires_at, ...flat(limits) };
}

/** A limit under the name of its path. */
export function flat(limits: object): Body {
  return Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [`limits.${name}`, value]),
  );
}

/** `before` and `after` as `seenKey` has them, as a change of the API. */
export function keyChange(before: Body, after: Body): Body {
  const change: Body = {};
  const limits: Body = {};
  for (const [name, value] of Object.entries(changedMembers(before, after))) {
    const [, limit] = /^limits\.(.*)$/.exec(name) ?? [];
    if (limit === undefined) {
      change[name] = value;
    } else {
      limits[limit] = value;
    }
  }
  return Object.keys(limits).length === 0 ? change : { ...change, limits };
}
