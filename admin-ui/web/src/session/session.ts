//! Who is looking: owns the state of the session and the only ways to change it.
import { signal } from "@preact/signals";
import * as api from "../api/client";
import type { Failure, Result } from "../api/failure";
import type { SessionInfo } from "../api/types";

export type Session =
  | { state: "checking" }
  | { state: "unreachable"; failure: Failure }
  | { state: "out" }
  /** `over`: the gateway no longer accepts it. The page stays as it is until the password comes. */
  | { state: "in"; over: boolean };

export const session = signal<Session>({ state: "checking" });

/** What the gateway says of the session, as far as it is known. */
export const sessionInfo = signal<SessionInfo | null>(null);

/** Calls that wait for the password; they learn whether it came. */
let waiting: ((renewed: boolean) => void)[] = [];

api.onSessionOver(() => {
  if (session.value.state !== "in") {
    return Promise.resolve(false);
  }
  session.value = { state: "in", over: true };
  return new Promise((resolve) => waiting.push(resolve));
});

function settle(next: Session, renewed: boolean): void {
  session.value = next;
  const all = waiting;
  waiting = [];
  for (const resolve of all) {
    resolve(renewed);
  }
}

export async function checkSession(): Promise<void> {
  session.value = { state: "checking" };
  const result = await api.session();
  if (result.ok) {
    sessionInfo.value = result.value;
    session.value = { state: "in", over: false };
  } else if (isRefusedLogin(result.failure)) {
    session.value = { state: "out" };
  } else {
    session.value = { state: "unreachable", failure: result.failure };
  }
}

export async function login(credentials: api.Credentials): Promise<Result<null>> {
  const result = await api.login(credentials);
  if (result.ok) {
    // Before anything is shown: what is shown depends on the role.
    await learnWhoIsIn();
    settle({ state: "in", over: false }, true);
  }
  return result;
}

/** After a sign-in in another tab: the session that is over may have been renewed there. */
export async function lookAgain(): Promise<void> {
  const about = await api.session();
  if (about.ok) {
    sessionInfo.value = about.value;
    settle({ state: "in", over: false }, true);
  }
}

/** After a change of one's own account. */
export async function learnWhoIsIn(): Promise<void> {
  const about = await api.session();
  sessionInfo.value = about.ok ? about.value : null;
}

export async function logout(): Promise<Result<null>> {
  const result = await api.logout();
  // A session that is already over is as good as one that has been ended.
  if (result.ok || isRefusedLogin(result.failure)) {
    leave();
  }
  return result;
}

/** To the login page, with whatever was open given up. */
export function leave(): void {
  sessionInfo.value = null;
  settle({ state: "out" }, false);
}

/** 503 `admin_disabled` too: the login page is where its explanation belongs. */
function isRefusedLogin(failure: Failure): boolean {
  return (
    failure.kind === "refused" && (failure.status === 401 || failure.code === "admin_disabled")
  );
}
