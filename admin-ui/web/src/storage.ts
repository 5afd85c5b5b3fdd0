//! Preferences that outlive a visit: language and theme. Never anything secret; the session is an
//! HttpOnly cookie that scripts cannot see.

type Preference = "language" | "theme";

const PREFIX = "ai-gateway.";

/** The stored preference if it is one of `allowed`. Storage can be blocked: then it is unset. */
export function readPreference<T extends string>(
  name: Preference,
  allowed: readonly T[],
): T | undefined {
  try {
    const stored = localStorage.getItem(PREFIX + name);
    return allowed.find((value) => value === stored);
  } catch {
    return undefined;
  }
}

/** Keeps the preference if the browser lets us; for this visit it is in force either way. */
export function writePreference(name: Preference, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Blocked storage only costs the memory of the choice.
  }
}
