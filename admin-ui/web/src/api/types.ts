//! What the admin API sends, as far as the panel uses it, and the checks at the edge: whatever comes
//! out of here has the type it says.

export interface UpstreamKey {
  id: string;
  /** First and last characters; a whole key never comes back. */
  hint: string;
  enabled: boolean;
  /** `ok`, `cooling`, `rejected`, or one that a newer gateway knows. */
  status: string;
  /** RFC 3339; when a cooling key is tried again. */
  until: string | null;
}

export interface Channel {
  id: string;
  name: string;
  enabled: boolean;
  provider: string;
  baseUrl: string;
  keys: UpstreamKey[];
  /** The names under which it serves models; empty: every model. */
  serves: string[];
  priority: number;
  weight: number;
}

/** How the gateway keeps upstream keys. */
export interface KeyStorage {
  encrypted: boolean;
  /** Why the master key that is set cannot be used. */
  masterKeyError: string | null;
}

/** The answer does not have the agreed shape. */
export class ShapeError extends Error {}

type Fields = Record<string, unknown>;

function object(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ShapeError(`${where} is no object`);
  }
  return value as Fields;
}

function field<T>(from: Fields, name: string, is: (value: unknown) => value is T, absent?: T): T {
  const value = from[name];
  if (is(value)) {
    return value;
  }
  if (value === undefined && absent !== undefined) {
    return absent;
  }
  throw new ShapeError(`${name} is ${typeof value}`);
}

const isString = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isArray = (value: unknown): value is unknown[] => Array.isArray(value);
const isStrings = (value: unknown): value is string[] => isArray(value) && value.every(isString);

function parseKey(value: unknown): UpstreamKey {
  const from = object(value, "key");
  const until = from["until"];
  return {
    id: field(from, "id", isString),
    hint: field(from, "hint", isString),
    enabled: field(from, "enabled", isBoolean, true),
    status: field(from, "status", isString, "ok"),
    until: isString(until) ? until : null,
  };
}

/** The model list with the maps' keys. Without a list a channel serves everything, but Azure can only
 * serve what is deployed. */
function served(from: Fields): string[] {
  const models = field(from, "models", isStrings, []);
  const azure = from["azure"] ?? null;
  if (models.length === 0 && azure === null) {
    return [];
  }
  const mapped = Object.keys(object(from["model_map"] ?? {}, "model_map"));
  const deployments =
    azure === null ? {} : object(object(azure, "azure")["deployments"] ?? {}, "deployments");
  return [...new Set([...models, ...mapped, ...Object.keys(deployments)])];
}

function parseChannel(value: unknown): Channel {
  const from = object(value, "channel");
  return {
    id: field(from, "id", isString),
    name: field(from, "name", isString),
    enabled: field(from, "enabled", isBoolean),
    provider: field(from, "provider", isString),
    baseUrl: field(from, "base_url", isString),
    keys: field(from, "keys", isArray).map(parseKey),
    serves: served(from),
    priority: field(from, "priority", isNumber),
    weight: field(from, "weight", isNumber),
  };
}

/** Reads `{"data":[…]}`; throws a `ShapeError` that names the first field which is wrong. */
export function parseChannels(value: unknown): Channel[] {
  return field(object(value, "list"), "data", isArray).map(parseChannel);
}

/** Reads what the session says about the storage of keys. */
export function parseKeyStorage(value: unknown): KeyStorage {
  const from = object(value, "session");
  const error = from["master_key_error"];
  return {
    encrypted: field(from, "upstream_keys_encrypted", isBoolean),
    masterKeyError: isString(error) ? error : null,
  };
}
