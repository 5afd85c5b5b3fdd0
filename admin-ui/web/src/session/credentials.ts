//! What is sent at a login, from what was typed. Pure.
import type { Credentials } from "../api/client";

/** Without a name it is the admin password. */
export function credentialsOf(name: string, password: string, code: string): Credentials {
  const person = name.trim();
  if (person === "") {
    return { password };
  }
  const totp = code.trim();
  return { name: person, password, ...(totp === "" ? {} : { totp }) };
}
