//! What is sent of an account, from what was typed. Pure.
import type { Account } from "../api/types";
import type { Body } from "../conflict/changes";

/** In the order in which they are offered: the least first. */
export const ROLES = ["viewer", "admin", "owner"] as const;
type AccountRole = (typeof ROLES)[number];

export interface Typed {
  name: string;
  role: AccountRole;
  enabled: boolean;
  password: string;
  endsCodes: boolean;
}

/** The form as it begins. */
export function typedOf(of: Account | null): Typed {
  const role = ROLES.find((one) => one === of?.role) ?? "viewer";
  return {
    name: of?.name ?? "",
    role,
    enabled: of?.enabled ?? true,
    password: "",
    endsCodes: false,
  };
}

/** The members that people know; a password is never shown. */
export function seenAccount({ name, role, enabled, totp }: Account): Body {
  return { name, role, enabled, totp, password: "•••" };
}

/** The same with what was typed; `newPassword` says that there is another password. */
export function seenTyped(of: Account, typed: Typed, newPassword: string): Body {
  const seen = seenAccount(of);
  return {
    ...seen,
    ...accountChange(of, typed),
    totp: typed.endsCodes ? false : seen["totp"],
    password: typed.password === "" ? seen["password"] : newPassword,
  };
}

/** What differs; of a new account, what was filled in. */
export function accountChange(of: Account | null, typed: Typed): Record<string, unknown> {
  const began = typedOf(of);
  const change: Record<string, unknown> = {};
  if (typed.name.trim() !== began.name) {
    change["name"] = typed.name.trim();
  }
  if (typed.role !== began.role || (of === null && Object.keys(change).length > 0)) {
    change["role"] = typed.role;
  }
  if (typed.enabled !== began.enabled) {
    change["enabled"] = typed.enabled;
  }
  if (typed.password !== "") {
    change["password"] = typed.password;
  }
  if (typed.endsCodes) {
    change["totp"] = null;
  }
  return change;
}
