//! Who is looking: owns the state of the session and the only ways to change it.
import { signal } from "@preact/signals";
import * as api from "../api/client";
import type { Failure, Result } from "../api/failure";
import type { KeyStorage } from "../api/types";

export type Session =
  | { state: "checking" }
  | { state: "unreachable"; failure: Failure }
  /** `ended`: there was a session in this visit, and the gateway no longer accepts it. */
  | { state: "out"; ended: boolean }
  | { state: "in" };

export const session = signal<Session>({ state: "checking" });

/** How upstream keys are kept, as far as it is known; it cannot change while the gateway runs. */
export const keyStorage = signal<KeyStorage | null>(null);

export async function checkSession(): Promise<void> {
  session.value = { state: "checking" };
  const result = await api.session();
  if (result.ok) {
    keyStorage.value = result.value;
    session.value = { state: "in" };
  } else if (isRefusedLogin(result.failure)) {
    session.value = { state: "out", ended: false };
  } else {
    session.value = { state: "unreachable", failure: result.failure };
  }
}

export async function login(password: string): Promise<Result<null>> {
  const result = await api.login(password);
  if (result.ok) {
    session.value = { state: "in" };
    const about = await api.session();
    keyStorage.value = about.ok ? about.value : null;
  }
  return result;
}

export async function logout(): Promise<Result<null>> {
  const result = await api.logout();
  // A session that is already over is as good as one that has been ended.
  if (result.ok || isRefusedLogin(result.failure)) {
    session.value = { state: "out", ended: false };
  }
  return result;
}

/** Passes a result on; if it says that the session is over, everyone learns of it. */
export function watched<T>(result: Result<T>): Result<T> {
  if (!result.ok && isRefusedLogin(result.failure)) {
    session.value = { state: "out", ended: true };
  }
  return result;
}

/** 503 `admin_disabled` too: the login page is where its explanation belongs. */
function isRefusedLogin(failure: Failure): boolean {
  return (
    failure.kind === "refused" && (failure.status === 401 || failure.code === "admin_disabled")
  );
}
