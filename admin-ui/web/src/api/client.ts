//! The admin API, one function per call. The session is an HttpOnly cookie; the token in the login's
//! answer is deliberately not read.
import { type Failure, parseRefusal, parseRetryAfter, type Result } from "./failure";
import * as ledger from "./ledger";
import * as types from "./types";

const BASE = "/admin/api";
const TIMEOUT_MS = 20_000;
/** A test waits for a real upstream, two minutes at most. */
const TRIAL_TIMEOUT_MS = 130_000;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface Call {
  send?: unknown;
  timeoutMs?: number;
  ifMatch?: string;
  /** Survives the page: for what must be done on leaving. */
  keepalive?: boolean;
  /** Gives the call up. */
  signal?: AbortSignal;
  /** A 401 is an answer here, not a session that has ended. */
  open?: boolean;
}

/** A configuration document with the tag of its state. */
export interface Config {
  document: unknown;
  etag: string | null;
}

let renewSession: (() => Promise<boolean>) | null = null;

/** `renew` is asked when a call finds the session over: once it says true, the call is repeated. */
export function onSessionOver(renew: () => Promise<boolean>): void {
  renewSession = renew;
}

const nothing = () => null;

const onlyAt = (revision: string | null): Call =>
  revision === null ? {} : { ifMatch: `"${revision}"` };

/** Single objects name their state in `ETag`; one that was compressed on its way has a weak one. */
function withRevision<T extends { revision: string | null }>(read: (body: unknown) => T) {
  return (body: unknown, response: Response): T => {
    const revision = /^(?:W\/)?"(.*)"$/.exec(response.headers.get("etag") ?? "")?.[1];
    return { ...read(body), revision: revision ?? null };
  };
}

export const login = (password: string) =>
  call("POST", "/login", nothing, { send: { password }, open: true });
export const logout = () => call("POST", "/logout", nothing, { send: {}, open: true });
export const session = () => call("GET", "/session", types.parseSession, { open: true });

export const listChannels = () => call("GET", "/channels", types.parseChannels);
export const showChannel = (id: string) =>
  call("GET", `/channels/${id}`, withRevision(types.parseChannel));
/** Keys that it would have twice are left out and counted. */
export const createChannel = (send: unknown) =>
  call("POST", "/channels?duplicate_keys=skip", withRevision(types.parseChannel), { send });
/** `revision`: the state that is to be changed, and no other; `null`: any. */
export const changeChannel = (id: string, send: unknown, revision: string | null = null) =>
  call("PATCH", `/channels/${id}?duplicate_keys=skip`, withRevision(types.parseChannel), {
    send,
    ...onlyAt(revision),
  });
export const deleteChannel = (id: string, revision: string | null = null, keepalive = false) =>
  call("DELETE", `/channels/${id}`, nothing, { keepalive, ...onlyAt(revision) });
export const testChannel = (id: string, send: { model?: string; stream: boolean }) =>
  call("POST", `/channels/${id}/test`, types.parseTrial, { send, timeoutMs: TRIAL_TIMEOUT_MS });
/** One test with each key. */
export const testKeys = (id: string, signal: AbortSignal) =>
  call("POST", `/channels/${id}/test`, types.parseKeyTrials, {
    send: { keys: "all" },
    timeoutMs: TRIAL_TIMEOUT_MS,
    signal,
  });
/** The models of an upstream as it is being typed, stored or not. */
export const upstreamModels = (send: unknown) =>
  call("POST", "/models", types.parseModels, { send, timeoutMs: 40_000 });

export const listKeys = () => call("GET", "/keys", types.parseClientKeys);
export const createKey = (send: unknown) => call("POST", "/keys", types.parseCreatedKey, { send });
export const showKey = (id: string) =>
  call("GET", `/keys/${id}`, withRevision(types.parseClientKey));
export const changeKey = (id: string, send: unknown, revision: string | null = null) =>
  call("PATCH", `/keys/${id}`, withRevision(types.parseClientKey), { send, ...onlyAt(revision) });
/** `graceS`: for how long the old key stays valid. */
export const rotateKey = (id: string, graceS: number, revision: string | null) =>
  call("POST", `/keys/${id}/rotate`, types.parseCreatedKey, {
    send: { grace_s: graceS },
    ...onlyAt(revision),
  });
export const deleteKey = (id: string, revision: string | null = null) =>
  call("DELETE", `/keys/${id}`, nothing, onlyAt(revision));

export const allowance = (id: string) =>
  call("GET", `/keys/${id}/allowance`, ledger.parseAllowance);

export const usage = (question: ledger.UsageQuestion) =>
  call("GET", `/usage?${new URLSearchParams({ ...question })}`, ledger.parseUsage);
/** `filters` under the API's own names. */
export const requests = (filters: Readonly<Record<string, string>>) =>
  call(
    "GET",
    `/requests?${new URLSearchParams({ limit: "50", ...filters })}`,
    ledger.parseRequests,
  );

export const showRequest = (id: string) =>
  call("GET", `/requests/${encodeURIComponent(id)}`, ledger.parseRequest);

export const status = () => call("GET", "/status", types.parseStatus);
export const dryRun = (model: string) =>
  call("GET", `/route?model=${encodeURIComponent(model)}`, types.parseDryRun);

const readConfig = (document: unknown, response: Response): Config => ({
  document,
  etag: response.headers.get("etag"),
});
export const exportConfig = (secrets: boolean) =>
  call("GET", `/config${secrets ? "?secrets=true" : ""}`, readConfig);
export const importConfig = (send: unknown, etag: string | null) =>
  call("PUT", "/config", readConfig, { send, ...(etag === null ? {} : { ifMatch: etag }) });

/** Prices from a price list: what changes, or would, and the tag of the state that it was compared with. */
export const importPrices = (
  send: unknown,
  { dryRun, all, etag }: { dryRun: boolean; all: boolean; etag: string | null },
) =>
  call(
    "POST",
    `/prices/import?dry_run=${dryRun}&models=${all ? "all" : "named"}`,
    (body, response) => ({
      changes: types.parsePriceImport(body),
      etag: response.headers.get("etag"),
    }),
    { send, ...(etag === null ? {} : { ifMatch: etag }) },
  );

/** The gateway's version, from its public health answer. */
export const version = () => request("GET", "/health", types.parseVersion, { open: true });

function call<T>(
  method: Method,
  path: string,
  read: (body: unknown, response: Response) => T,
  how: Call = {},
): Promise<Result<T>> {
  return request(method, BASE + path, read, how);
}

async function request<T>(
  method: Method,
  url: string,
  read: (body: unknown, response: Response) => T,
  how: Call,
): Promise<Result<T>> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, options(method, how));
    text = await response.text();
  } catch {
    return failed({ kind: "network" });
  }
  if (response.status === 401 && how.open !== true && (await renewSession?.())) {
    return request(method, url, read, { ...how, open: true });
  }
  const body = parseJson(text);
  if (!response.ok) {
    const wait = parseRetryAfter(response.headers.get("retry-after"), Date.now());
    return failed(parseRefusal(response.status, wait, body));
  }
  try {
    return { ok: true, value: read(body, response) };
  } catch {
    return failed({ kind: "unexpected" });
  }
}

function options(method: Method, how: Call): RequestInit {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") {
    // Writes with a cookie must be of a type that no form has.
    headers["content-type"] = "application/json";
  }
  if (how.ifMatch !== undefined) {
    headers["if-match"] = how.ifMatch;
  }
  return {
    method,
    headers,
    ...(how.send === undefined ? {} : { body: JSON.stringify(how.send) }),
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
    keepalive: how.keepalive ?? false,
    signal: AbortSignal.any([
      AbortSignal.timeout(how.timeoutMs ?? TIMEOUT_MS),
      ...(how.signal === undefined ? [] : [how.signal]),
    ]),
  };
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
