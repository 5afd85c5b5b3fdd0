//! Whether a client key ends soon, or has ended. Pure.
import type { ClientKey } from "../api/types";

/** How long before its end a key is marked. */
export const SOON_MS = 7 * 24 * 3_600_000;

export type Expiry = "never" | "later" | "soon" | "over";

export function expiryOf({ expires_at: at }: Pick<ClientKey, "expires_at">, nowMs: number): Expiry {
  if (at === null) {
    return "never";
  }
  const left = Date.parse(at) - nowMs;
  return left <= 0 ? "over" : left < SOON_MS ? "soon" : "later";
}
