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
  /** Asked again and again: what has not changed is not sent again, and stays the same object. */
  kept?: boolean;
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

/** The admin password, an account, or a client key. */
export type Credentials =
  | { password: string }
  | { name: string; password: string; totp?: string }
  | { key: string };

export const login = (send: Credentials) => call("POST", "/login", nothing, { send, open: true });
export const loginOptions = () =>
  call("GET", "/login/options", types.parseLoginOptions, { open: true });
export const logout = () => call("POST", "/logout", nothing, { send: {}, open: true });
export const session = () => call("GET", "/session", types.parseSession, { open: true });

/** Parameters of a list, under the API's names. */
export type ListQuestion = Readonly<Record<string, string>>;

const queried = (path: string, question: ListQuestion) => {
  const query = new URLSearchParams(question).toString();
  return query === "" ? path : `${path}?${query}`;
};

export const listChannels = (question: ListQuestion = {}) =>
  call("GET", queried("/channels", question), types.parseChannels, { kept: true });
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

export type Noun = "channels" | "keys";
/** One change of many channels or client keys; all of them, or none. */
export const changeMany = (noun: Noun, send: unknown, keepalive = false) =>
  call("POST", `/${noun}/bulk`, types.parseBulk, { send, keepalive });

export const listKeys = (question: ListQuestion = {}) =>
  call("GET", queried("/keys", question), types.parseClientKeys, { kept: true });
export const keyPage = (question: ListQuestion) =>
  call("GET", queried("/keys", question), types.parseKeyPage, { kept: true });
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

/** The key of the playground; `rotate`: another one, and the one before is rejected from now on. */
export const playgroundKey = (rotate: boolean) =>
  call("POST", "/playground/key", types.parseCreatedKey, { send: { rotate } });
export const listAccounts = () => call("GET", "/accounts", types.parseAccounts);
export const createAccount = (send: unknown) =>
  call("POST", "/accounts", withRevision(types.parseAccount), { send });
export const changeAccount = (id: string, send: unknown, revision: string | null) =>
  call("PATCH", `/accounts/${id}`, withRevision(types.parseAccount), {
    send,
    ...onlyAt(revision),
  });
export const deleteAccount = (id: string, revision: string | null) =>
  call("DELETE", `/accounts/${id}`, nothing, onlyAt(revision));
export const changePassword = (current: string, next: string) =>
  call("POST", "/account/password", nothing, { send: { current, new: next } });
export const newTotpSecret = () =>
  call("POST", "/account/totp", types.parseTotpSecret, { send: {} });
/** With a secret and a code of it on, with null off; the recovery codes. */
export const setTotp = (send: { current: string; secret: string | null; code?: string }) =>
  call("PUT", "/account/totp", types.parseRecoveryCodes, { send });

export const ownKey = () => call("GET", "/me", withRevision(types.parseClientKey));
export const ownAllowance = () => call("GET", "/me/allowance", ledger.parseAllowance);
export const ownUsage = (from: string, to: string) =>
  call("GET", `/me/usage?${new URLSearchParams({ from, to, bucket: "day" })}`, ledger.parseUsage);
export const ownRequests = (cursor: string | null) =>
  call(
    "GET",
    `/me/requests?${new URLSearchParams(cursor === null ? {} : { cursor })}`,
    ledger.parseOwnRequests,
  );

export const allowance = (id: string) =>
  call("GET", `/keys/${id}/allowance`, ledger.parseAllowance);
/** What is used of the limits of several keys, or of those that have used so much of one. */
export const allowances = (question: ListQuestion) =>
  call("GET", queried("/keys/allowances", question), ledger.parseAllowances, { kept: true });

export const usage = (question: ledger.UsageQuestion) =>
  call("GET", `/usage?${new URLSearchParams({ ...question })}`, ledger.parseUsage, { kept: true });
/** `filters` under the API's own names. */
export const requests = (filters: Readonly<Record<string, string>>) =>
  call(
    "GET",
    `/requests?${new URLSearchParams({ limit: "50", ...filters })}`,
    ledger.parseRequests,
    { kept: true },
  );

/** Where a table is downloaded from; the browser does it, so that the panel never has all of it in memory. */
export const tableAddress = (name: "usage" | "requests", question: ListQuestion) =>
  BASE + queried(`/${name}.csv`, question);

export const showRequest = (id: string) =>
  call("GET", `/requests/${encodeURIComponent(id)}`, ledger.parseRequest);

/** A page of the audit log. */
export const audit = (question: ListQuestion) =>
  call("GET", queried("/audit", question), ledger.parseAudit, { kept: true });
/** The address of the same as a file. */
export const auditFile = (question: ListQuestion) => `${BASE}${queried("/audit.csv", question)}`;

export const status = () => call("GET", "/status", types.parseStatus, { kept: true });
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

/** Rules and destinations of alerts, and what is firing. */
export const showAlerts = () => call("GET", "/alerts", types.parseAlerts);
export const changeAlerts = (send: unknown, revision: string | null) =>
  call("PATCH", "/alerts", types.parseAlerts, { send, ...onlyAt(revision) });
/** A message to a destination as it is typed, saved or not. */
export const testDestination = (send: unknown) =>
  call("POST", "/alerts/test", types.parseAlertTest, { send });

/** What a file of another gateway becomes, and the tag of the state that it was compared with. */
const readImport = (body: unknown, response: Response) => ({
  plan: types.parseImport(body),
  etag: response.headers.get("etag"),
});
/** A large file takes its time on a slow line. */
const IMPORT_TIMEOUT_MS = 120_000;
export const previewImport = (send: types.ImportInput) =>
  call("POST", "/import/preview", readImport, { send, timeoutMs: IMPORT_TIMEOUT_MS });
export const importFile = (send: types.ImportInput, etag: string | null) =>
  call("POST", "/import", readImport, {
    send,
    timeoutMs: IMPORT_TIMEOUT_MS,
    ...(etag === null ? {} : { ifMatch: etag }),
  });

/** The gateway's version, from its public health answer. */
export const version = () => request("GET", "/health", types.parseVersion, { open: true });

/** What was answered last, by path, with its tag. */
const kept = new Map<string, { etag: string; value: unknown }>();
const MOST_KEPT = 50;

function keep(url: string, etag: string, value: unknown): void {
  kept.delete(url);
  kept.set(url, { etag, value });
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) {
      break;
    }
    kept.delete(oldest);
  }
}

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
  const known = how.kept === true ? kept.get(url) : undefined;
  try {
    response = await fetch(url, options(method, how, known?.etag));
    text = await response.text();
  } catch {
    return failed({ kind: "network" });
  }
  if (response.status === 401 && how.open !== true && (await renewSession?.())) {
    return request(method, url, read, { ...how, open: true });
  }
  if (response.status === 304 && known !== undefined) {
    return { ok: true, value: known.value as T };
  }
  const body = parseJson(text);
  if (!response.ok) {
    const wait = parseRetryAfter(response.headers.get("retry-after"), Date.now());
    return failed(parseRefusal(response.status, wait, body));
  }
  try {
    const value = read(body, response);
    const etag = response.headers.get("etag");
    if (how.kept === true && etag !== null) {
      keep(url, etag, value);
    }
    return { ok: true, value };
  } catch {
    return failed({ kind: "unexpected" });
  }
}

function options(method: Method, how: Call, known?: string): RequestInit {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") {
    // Writes with a cookie must be of a type that no form has.
    headers["content-type"] = "application/json";
  }
  if (how.ifMatch !== undefined) {
    headers["if-match"] = how.ifMatch;
  }
  if (known !== undefined) {
    headers["if-none-match"] = known;
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
