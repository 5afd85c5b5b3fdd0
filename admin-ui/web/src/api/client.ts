//! The admin API, one function per call. The only file that fetches. The session is an HttpOnly
//! cookie; the token in the login's answer is deliberately not read.
import { type Failure, parseRefusal, parseRetryAfter, type Result } from "./failure";
import { type Channel, type KeyStorage, parseChannels, parseKeyStorage } from "./types";

const BASE = "/admin/api";
const TIMEOUT_MS = 20_000;

export function login(password: string): Promise<Result<null>> {
  return call("POST", "/login", () => null, { password });
}

export function logout(): Promise<Result<null>> {
  return call("POST", "/logout", () => null, {});
}

export function session(): Promise<Result<KeyStorage>> {
  return call("GET", "/session", parseKeyStorage);
}

export function listChannels(): Promise<Result<Channel[]>> {
  return call("GET", "/channels", parseChannels);
}

async function call<T>(
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  read: (body: unknown) => T,
  send?: unknown,
): Promise<Result<T>> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: {
        accept: "application/json",
        ...(send === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(send === undefined ? {} : { body: JSON.stringify(send) }),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch {
    return failed({ kind: "network" });
  }
  const body = parseJson(text);
  if (!response.ok) {
    const wait = parseRetryAfter(response.headers.get("retry-after"), Date.now());
    return failed(parseRefusal(response.status, wait, body));
  }
  try {
    return { ok: true, value: read(body) };
  } catch {
    return failed({ kind: "unexpected" });
  }
}

function failed<T>(failure: Failure): Result<T> {
  return { ok: false, failure };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
