//! Signing in with an OIDC provider: the gateway's redirects do all of it. Owns the link there, and how it failed.
import { signal } from "@preact/signals";
import { ask, query } from "../router";

/** Redirects to the provider, which sends the browser back to the panel. */
export const SIGN_IN = "/admin/api/oidc/start";

/** The code with which the gateway has sent the browser back without a session. */
export const failedSignIn = signal<string | null>(takeCode());

/** Anybody can write an address, so it must look like a code; and it goes from the address, so that a reload does not repeat it. */
function takeCode(): string | null {
  const { sign_in: code = "" } = query.value;
  if (code !== "") {
    ask({ sign_in: "" });
  }
  return /^[a-z_]{1,20}$/.test(code) ? code : null;
}
