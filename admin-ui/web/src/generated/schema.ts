//! The admin API's types. Made from its OpenAPI document by `npm run types`; neither edited nor committed.

export type Error = {
  error: {
    message: string;
    type: string;
    param: string | null;
    code: string | null;
  };
};

export type Login = {
  password: string;
};

export type LoggedIn = {
  token: string;
  expires_at: string;
};

export type Session = {
  expires_at: string;
  upstream_keys_encrypted: boolean;
  master_key_error: string | null;
};

export type ChannelSettings = {
  name?: string;
  enabled?: boolean;
  provider?: "openai" | "azure" | "anthropic";
  base_url?: string;
  models?: Array<string>;
  model_map?: Record<string, string>;
  priority?: number;
  weight?: number;
  headers?: Record<string, string>;
  drop_params?: Array<string>;
  stream_usage?: boolean;
  connect_timeout_ms?: number;
  first_byte_timeout_ms?: number;
  idle_timeout_ms?: number;
  hedge_after_ms?: number | null;
  azure?: Azure | null;
  prices?: Record<string, Price>;
};

export type Price = {
  prompt: number;
  cached?: number | null;
  completion: number;
};

export type Azure = {
  api_version?: string | null;
  deployments?: Record<string, string>;
};

export type UpstreamKey = {
  id: string;
  hint: string;
  enabled: boolean;
  status: "ok" | "cooling" | "rejected";
  until: string | null;
};

export type Channel = {
  name: string;
  enabled: boolean;
  provider: "openai" | "azure" | "anthropic";
  base_url: string;
  models: Array<string>;
  model_map: Record<string, string>;
  priority: number;
  weight: number;
  headers: Record<string, string>;
  drop_params: Array<string>;
  stream_usage: boolean;
  connect_timeout_ms: number;
  first_byte_timeout_ms: number;
  idle_timeout_ms: number;
  hedge_after_ms?: number | null;
  azure: Azure | null;
  prices?: Record<string, Price>;
  id: string;
  keys: Array<UpstreamKey>;
  created_at: string;
  updated_at: string;
};

export type KeyChange = string | {
  id: string;
  enabled?: boolean;
  hint?: string;
  status?: string;
  until?: string | null;
};

export type ChannelChange = {
  name?: string;
  enabled?: boolean;
  provider?: "openai" | "azure" | "anthropic";
  base_url?: string;
  models?: Array<string>;
  model_map?: Record<string, string>;
  priority?: number;
  weight?: number;
  headers?: Record<string, string>;
  drop_params?: Array<string>;
  stream_usage?: boolean;
  connect_timeout_ms?: number;
  first_byte_timeout_ms?: number;
  idle_timeout_ms?: number;
  hedge_after_ms?: number | null;
  azure?: Azure | null;
  prices?: Record<string, Price>;
  keys?: Array<KeyChange>;
  id?: string;
  created_at?: string;
  updated_at?: string;
};

export type ChannelCreate = {
  name: string;
  enabled?: boolean;
  provider?: "openai" | "azure" | "anthropic";
  base_url: string;
  models?: Array<string>;
  model_map?: Record<string, string>;
  priority?: number;
  weight?: number;
  headers?: Record<string, string>;
  drop_params?: Array<string>;
  stream_usage?: boolean;
  connect_timeout_ms?: number;
  first_byte_timeout_ms?: number;
  idle_timeout_ms?: number;
  hedge_after_ms?: number | null;
  azure?: Azure | null;
  prices?: Record<string, Price>;
  keys: Array<KeyChange>;
  id?: string;
  created_at?: string;
  updated_at?: string;
};

export type ChannelList = {
  data: Array<Channel>;
};

export type TestRequest = {
  model?: string;
  stream?: boolean;
  key?: string;
};

export type TestOutcome = {
  ok: boolean;
  status: number | null;
  latency_ms: number;
  first_token_ms: number | null;
  error: string | null;
};

export type UpstreamModels = {
  data: Array<{
    id: string;
  }>;
  truncated: boolean;
};

export type Limits = {
  requests_per_minute?: number | null;
  tokens_per_minute?: number | null;
  tokens_per_day?: number | null;
  daily_budget_micro_usd?: number | null;
  monthly_budget_micro_usd?: number | null;
};

export type ClientKey = {
  id: string;
  name: string;
  enabled: boolean;
  models: Array<string>;
  expires_at: string | null;
  hint: string;
  limits: Limits;
  created_at: string;
  last_used_at: string | null;
};

export type ClientKeyCreated = {
  id: string;
  name: string;
  enabled: boolean;
  models: Array<string>;
  expires_at: string | null;
  hint: string;
  limits: Limits;
  created_at: string;
  last_used_at: string | null;
  key: string;
};

export type ClientKeyChange = {
  name?: string;
  enabled?: boolean;
  models?: Array<string>;
  expires_at?: string | null;
  limits?: Limits;
  id?: string;
  hint?: string;
  created_at?: string;
  last_used_at?: string | null;
};

export type ClientKeyCreate = {
  name: string;
  enabled?: boolean;
  models?: Array<string>;
  expires_at?: string | null;
  limits?: Limits;
  id?: string;
  hint?: string;
  created_at?: string;
  last_used_at?: string | null;
};

export type Standing = {
  limit: number;
  used: number;
  resets_at: string;
};

export type Allowance = {
  requests_per_minute: Standing | null;
  tokens_per_minute: Standing | null;
  tokens_per_day: Standing | null;
  daily_budget_micro_usd: Standing | null;
  monthly_budget_micro_usd: Standing | null;
};

export type ClientKeyList = {
  data: Array<ClientKey>;
};

export type Settings = {
  max_attempts: number;
  total_timeout_ms: number;
  max_request_bytes: number;
  session_affinity: boolean;
  ledger: boolean;
  request_log_rows: number;
  request_log_days: number;
  prices: Record<string, Price>;
};

export type SettingsInput = {
  max_attempts?: number;
  total_timeout_ms?: number;
  max_request_bytes?: number;
  session_affinity?: boolean;
  ledger?: boolean;
  request_log_rows?: number;
  request_log_days?: number;
  prices?: Record<string, Price>;
};

export type ConfigUpstreamKey = {
  id: string;
  hint: string;
  enabled: boolean;
  key?: string;
};

export type ConfigChannel = {
  name: string;
  enabled: boolean;
  provider: "openai" | "azure" | "anthropic";
  base_url: string;
  models: Array<string>;
  model_map: Record<string, string>;
  priority: number;
  weight: number;
  headers: Record<string, string>;
  drop_params: Array<string>;
  stream_usage: boolean;
  connect_timeout_ms: number;
  first_byte_timeout_ms: number;
  idle_timeout_ms: number;
  hedge_after_ms?: number | null;
  azure: Azure | null;
  prices?: Record<string, Price>;
  id: string;
  keys: Array<ConfigUpstreamKey>;
  created_at: string;
  updated_at: string;
};

export type ConfigClientKey = {
  id: string;
  name: string;
  hash: string;
  hint: string;
  enabled: boolean;
  models: Array<string>;
  expires_at: string | null;
  limits: Limits;
  created_at: string;
};

export type Config = {
  version: number;
  channels: Array<ConfigChannel>;
  keys: Array<ConfigClientKey>;
  settings: Settings;
};

export type ConfigKeyInput = string | {
  id?: string;
  key?: string;
  enabled?: boolean;
  hint?: string;
  status?: string;
  until?: string | null;
};

export type ConfigChannelInput = {
  name: string;
  enabled?: boolean;
  provider?: "openai" | "azure" | "anthropic";
  base_url: string;
  models?: Array<string>;
  model_map?: Record<string, string>;
  priority?: number;
  weight?: number;
  headers?: Record<string, string>;
  drop_params?: Array<string>;
  stream_usage?: boolean;
  connect_timeout_ms?: number;
  first_byte_timeout_ms?: number;
  idle_timeout_ms?: number;
  hedge_after_ms?: number | null;
  azure?: Azure | null;
  prices?: Record<string, Price>;
  id: string;
  keys: Array<ConfigKeyInput>;
  created_at?: string;
  updated_at?: string;
};

export type ConfigClientKeyInput = {
  id: string;
  name: string;
  hash: string;
  hint?: string;
  enabled?: boolean;
  models?: Array<string>;
  expires_at?: string | null;
  limits?: Limits;
  created_at?: string;
  last_used_at?: string | null;
};

export type ConfigInput = {
  version: number;
  channels: Array<ConfigChannelInput>;
  keys: Array<ConfigClientKeyInput>;
  settings?: SettingsInput;
};

export type ChannelName = {
  id: string;
  name: string;
};

export type KeyName = {
  id: string;
  hint: string;
};

export type Finding = {
  state: "ready" | "probing" | "cooling" | "rejected";
  until: string | null;
  about: "channel" | "key" | "model" | null;
  reason: "throttled" | "refused" | "unreachable" | "server_error" | "model_unknown" | null;
  detail: string | null;
  failed_at: string | null;
};

export type RouteCandidate = {
  state: "ready" | "probing" | "cooling" | "rejected";
  until: string | null;
  about: "channel" | "key" | "model" | null;
  reason: "throttled" | "refused" | "unreachable" | "server_error" | "model_unknown" | null;
  detail: string | null;
  failed_at: string | null;
  channel: ChannelName;
  key: KeyName | null;
  priority: number;
  weight: number;
  share: number;
  upstream_model: string;
};

export type RouteExcluded = {
  channel: ChannelName;
  key: KeyName | null;
  reason: "disabled" | "model_not_served" | "no_usable_key" | "key_disabled" | "key_unusable" | "retry_after" | "max_attempts";
  detail: string;
};

export type Route = {
  model: string;
  data: Array<RouteCandidate>;
  excluded: Array<RouteExcluded>;
};

export type StatusKey = {
  state: "ready" | "probing" | "cooling" | "rejected";
  until: string | null;
  about: "channel" | "key" | "model" | null;
  reason: "throttled" | "refused" | "unreachable" | "server_error" | "model_unknown" | null;
  detail: string | null;
  failed_at: string | null;
  id: string;
  hint: string;
  enabled: boolean;
};

export type StatusModel = {
  state: "ready" | "probing" | "cooling" | "rejected";
  until: string | null;
  about: "channel" | "key" | "model" | null;
  reason: "throttled" | "refused" | "unreachable" | "server_error" | "model_unknown" | null;
  detail: string | null;
  failed_at: string | null;
  model: string;
};

export type StatusChannel = {
  state: "ready" | "probing" | "cooling" | "rejected";
  until: string | null;
  about: "channel" | "key" | "model" | null;
  reason: "throttled" | "refused" | "unreachable" | "server_error" | "model_unknown" | null;
  detail: string | null;
  failed_at: string | null;
  id: string;
  name: string;
  enabled: boolean;
  keys: Array<StatusKey>;
  models: Array<StatusModel>;
};

export type Status = {
  dropped_records: number;
  now: string;
  data: Array<StatusChannel>;
  problems: Array<string>;
};

export type ModelsRequest = {
  name?: string;
  enabled?: boolean;
  provider?: "openai" | "azure" | "anthropic";
  base_url?: string;
  models?: Array<string>;
  model_map?: Record<string, string>;
  priority?: number;
  weight?: number;
  headers?: Record<string, string>;
  drop_params?: Array<string>;
  stream_usage?: boolean;
  connect_timeout_ms?: number;
  first_byte_timeout_ms?: number;
  idle_timeout_ms?: number;
  hedge_after_ms?: number | null;
  azure?: Azure | null;
  prices?: Record<string, Price>;
  keys?: Array<KeyChange>;
  id?: string;
  created_at?: string;
  updated_at?: string;
  channel_id?: string;
};

export type Quantiles = {
  p50: number | null;
  p95: number | null;
  p99: number | null;
};

export type Named = {
  id: string;
  name: string;
};

export type UsageRow = {
  bucket: string;
  model?: string;
  channel?: {
    id: string;
    name: string;
  } | null;
  key?: Named;
  requests: number;
  errors: number;
  failovers: number;
  estimated: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  reasoning_tokens: number;
  cost_micro_usd: number;
  total_ms: Quantiles;
  first_byte_ms: Quantiles;
};

export type Usage = {
  data: Array<UsageRow>;
  from: string;
  to: string;
};

export type RequestEnd = "complete" | "client_gone" | "upstream_broke" | "refused";

export type RequestAttempt = {
  channel: string;
  channel_name: string;
  key: string;
  outcome: "answered" | "unreachable" | "timeout" | "server_error" | "throttled" | "key_refused" | "model_unknown" | "request_refused" | "abandoned";
  status: number | null;
  ms: number;
};

export type RequestRow = {
  id: string;
  time: string;
  key: string;
  key_name: string;
  channel: string | null;
  channel_name: string | null;
  upstream_key: string | null;
  model: string;
  upstream_model: string | null;
  endpoint: string;
  stream: boolean;
  status: number;
  attempts: Array<RequestAttempt>;
  first_byte_ms: number | null;
  total_ms: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  reasoning_tokens: number;
  estimated: boolean;
  end: RequestEnd;
  cost_micro_usd: number;
};

export type RequestPage = {
  data: Array<RequestRow>;
  has_more: boolean;
};

/** Every call that there is. */
export type Calls =
  | "POST /login"
  | "POST /logout"
  | "GET /session"
  | "GET /channels"
  | "POST /channels"
  | "GET /channels/{id}"
  | "PATCH /channels/{id}"
  | "DELETE /channels/{id}"
  | "POST /channels/{id}/test"
  | "GET /channels/{id}/models"
  | "GET /keys"
  | "POST /keys"
  | "GET /keys/{id}/allowance"
  | "GET /keys/{id}"
  | "PATCH /keys/{id}"
  | "DELETE /keys/{id}"
  | "GET /config"
  | "PUT /config"
  | "GET /route"
  | "GET /status"
  | "POST /models"
  | "GET /usage"
  | "GET /requests"
  | "GET /openapi.json";
