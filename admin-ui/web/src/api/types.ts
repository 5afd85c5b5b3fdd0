//! What the admin API sends, as far as the panel uses it, member by member under its own names.
import {
  data,
  dictionary,
  flag,
  list,
  nullable,
  number,
  or,
  type Read,
  record,
  text,
} from "./read";

const upstreamKey = record({
  id: text,
  /** First and last characters; a whole key never comes back. */
  hint: text,
  enabled: or(flag, true),
  /** `ok`, `cooling`, `rejected`, or one that a newer gateway knows. */
  status: or(text, "ok"),
  /** RFC 3339; when a cooling key is tried again. */
  until: nullable(text),
});
export type UpstreamKey = Read<typeof upstreamKey>;

/** Micro-dollars per million tokens; cached ones cost as others where nothing is said of them. */
const price = record({ prompt: number, cached: nullable(number), completion: number });
export type Price = Read<typeof price>;
const prices = or(dictionary(price), {});

const channel = record({
  id: text,
  name: text,
  enabled: flag,
  provider: text,
  base_url: text,
  keys: list(upstreamKey),
  models: or(list(text), []),
  model_map: or(dictionary(text), {}),
  priority: number,
  weight: number,
  headers: or(dictionary(text), {}),
  drop_params: or(list(text), []),
  stream_usage: or(flag, true),
  connect_timeout_ms: or(number, 5_000),
  first_byte_timeout_ms: or(number, 60_000),
  idle_timeout_ms: or(number, 60_000),
  hedge_after_ms: nullable(number),
  azure: nullable(record({ api_version: nullable(text), deployments: or(dictionary(text), {}) })),
  prices,
  updated_at: or(text, ""),
  /** Names the state that this is, for `If-Match`. */
  revision: nullable(text),
  /** New keys that the channel had already. */
  duplicate_keys: nullable(number),
});
export type Channel = Read<typeof channel>;

export const parseChannel = (value: unknown): Channel => channel(value, "channel");
export const parseChannels = data(channel);

/** The names under which a channel serves models; empty: every model. */
export function servedModels(of: Channel): string[] {
  // Without a list a channel serves everything, but Azure can only serve what is deployed.
  if (of.models.length === 0 && of.azure === null) {
    return [];
  }
  const mapped = Object.keys(of.model_map);
  return [...new Set([...of.models, ...mapped, ...Object.keys(of.azure?.deployments ?? {})])];
}

const limits = record({
  requests_per_minute: nullable(number),
  tokens_per_minute: nullable(number),
  tokens_per_day: nullable(number),
  daily_budget_micro_usd: nullable(number),
  monthly_budget_micro_usd: nullable(number),
});

const clientKey = record({
  id: text,
  name: text,
  hint: text,
  enabled: flag,
  models: or(list(text), []),
  expires_at: nullable(text),
  limits,
  created_at: text,
  last_used_at: nullable(text),
  /** As a channel's. */
  revision: nullable(text),
});
export type ClientKey = Read<typeof clientKey>;
export const parseClientKeys = data(clientKey);
export const parseClientKey = (value: unknown): ClientKey => clientKey(value, "key");

const createdKey = record({ name: text, key: text });
/** The one answer that holds a whole client key. */
export type CreatedKey = Read<typeof createdKey>;
export const parseCreatedKey = (value: unknown): CreatedKey => createdKey(value, "key");

const finding = {
  /** `ready`, `probing`, `cooling` or `rejected`. */
  state: text,
  until: nullable(text),
  reason: nullable(text),
  detail: nullable(text),
};

const channelStatus = record({
  id: text,
  ...finding,
  keys: list(record({ id: text, hint: text, enabled: flag, ...finding })),
  models: list(record({ model: text, ...finding })),
});
export type ChannelStatus = Read<typeof channelStatus>;

const status = record({
  now: text,
  data: list(channelStatus),
  problems: or(list(text), []),
  /** Since the ledger began. */
  dropped_records: or(number, 0),
});
export type Status = Read<typeof status>;
export const parseStatus = (value: unknown): Status => status(value, "status");

const named = record({ id: text, name: text });
const hinted = nullable(record({ id: text, hint: text }));
const dryRun = record({
  model: text,
  data: list(
    record({
      channel: named,
      key: hinted,
      priority: number,
      weight: number,
      share: number,
      upstream_model: text,
      ...finding,
    }),
  ),
  excluded: list(record({ channel: named, key: hinted, reason: text, detail: text })),
});
export type DryRun = Read<typeof dryRun>;
export const parseDryRun = (value: unknown): DryRun => dryRun(value, "route");

const trial = record({
  ok: flag,
  status: nullable(number),
  latency_ms: number,
  first_token_ms: nullable(number),
  error: nullable(text),
});
export type Trial = Read<typeof trial>;
export const parseTrial = (value: unknown): Trial => trial(value, "test");

const upstreamModels = data(record({ id: text }));
export const parseModels = (value: unknown): string[] =>
  upstreamModels(value).map((model) => model.id);

const config = record({
  settings: record({
    max_attempts: number,
    total_timeout_ms: number,
    max_request_bytes: number,
    session_affinity: or(flag, false),
    ledger: or(flag, true),
    request_log_rows: or(number, 100_000),
    request_log_days: or(number, 30),
    prices,
    /** By operation, as its path below `/v1/`. */
    default_models: or(dictionary(text), {}),
    /** IP addresses and networks. */
    trusted_proxies: or(list(text), []),
  }),
});
export type Settings = Read<typeof config>["settings"];
/** The settings of a configuration document. */
export const parseSettings = (value: unknown): Settings => config(value, "config").settings;

const health = record({ version: text });
export const parseVersion = (value: unknown): string => health(value, "health").version;

const session = record({
  expires_at: text,
  /** How the gateway keeps upstream keys. */
  upstream_keys_encrypted: flag,
  /** Why the master key that is set cannot be used. */
  master_key_error: nullable(text),
});
export type SessionInfo = Read<typeof session>;
export const parseSession = (value: unknown): SessionInfo => session(value, "session");
