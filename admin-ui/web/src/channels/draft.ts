//! A channel as it is being typed, and what of it is sent. Judges nothing: the gateway does.
import { ChannelCreateFields, type Provider, ProviderValues } from "../../generated/schema";
import type { Channel, UpstreamKey } from "../api/types";
import { jsonMapOf, jsonPairsOf, mapOf, type Pair, pair, pairsOf } from "../components/pairs";
import { type PriceRow, pricesOf, rowsOf } from "../settings/prices";
import {
  defaultNumbers,
  numberOf,
  sentNumbers,
  type TypedNumbers,
  typedNumbers,
} from "./number-settings";
import { pastedKeys } from "./pasted-keys";
import { PRESETS, type Preset } from "./presets";

export type KeptKey = UpstreamKey & { removed: boolean };

export interface Draft extends TypedNumbers {
  name: string;
  tags: string[];
  enabled: boolean;
  provider: Provider;
  base_url: string;
  keys: KeptKey[];
  /** As they are pasted. */
  newKeys: string;
  models: string[];
  model_map: Pair[];
  priority: string;
  weight: string;
  headers: Pair[];
  drop_params: string[];
  rename_params: Pair[];
  /** Values as JSON, or plain text. */
  default_params: Pair[];
  stream_usage: boolean;
  /** Empty: learnt. */
  dialects: string[];
  /** Values as texts. */
  quirks: Pair[];
  api_version: string;
  deployments: Pair[];
  prices: PriceRow[];
}

export function emptyDraft(): Draft {
  return {
    name: "",
    tags: [],
    enabled: ChannelCreateFields.enabled.default,
    provider: ChannelCreateFields.provider.default,
    base_url: "",
    keys: [],
    newKeys: "",
    models: [],
    model_map: [],
    priority: String(ChannelCreateFields.priority.default),
    weight: String(ChannelCreateFields.weight.default),
    headers: [],
    drop_params: [],
    rename_params: [],
    default_params: [],
    stream_usage: ChannelCreateFields.stream_usage.default,
    dialects: [],
    quirks: [],
    ...defaultNumbers(),
    api_version: "",
    deployments: [],
    prices: [],
  };
}

export function draftOf(channel: Channel): Draft {
  return {
    name: channel.name,
    tags: channel.tags,
    enabled: channel.enabled,
    provider: providerOf(channel.provider),
    base_url: channel.base_url,
    keys: channel.keys.map((key) => ({ ...key, removed: false })),
    newKeys: "",
    models: channel.models,
    model_map: pairsOf(channel.model_map),
    priority: String(channel.priority),
    weight: String(channel.weight),
    headers: pairsOf(channel.headers),
    drop_params: channel.drop_params,
    rename_params: pairsOf(channel.rename_params),
    default_params: jsonPairsOf(channel.default_params),
    stream_usage: channel.stream_usage,
    dialects: channel.dialects ?? [],
    quirks: Object.entries(channel.quirks ?? {}).flatMap(([name, value]) =>
      value === null ? [] : [pair(name, String(value))],
    ),
    ...typedNumbers(channel),
    api_version: channel.azure?.api_version ?? "",
    deployments: pairsOf(channel.azure?.deployments ?? {}),
    prices: rowsOf(channel.prices),
  };
}

/** Everything but the keys, which cannot be read back. */
export function copyOf(channel: Channel, name: string): Draft {
  return { ...draftOf(channel), name, keys: [] };
}

/** Applies a preset; a name that the user typed stays. */
export function withPreset(draft: Draft, preset: Preset): Draft {
  const isOurs = draft.name === "" || PRESETS.some(({ name }) => name === draft.name);
  return {
    ...draft,
    name: isOurs ? preset.name : draft.name,
    provider: preset.provider,
    base_url: preset.baseUrl,
    quirks: [
      ...draft.quirks.filter(({ name }) => name !== "preset"),
      // The gateway knows all others by their hosts.
      ...(preset.keyless === true ? [pair("preset", preset.id)] : []),
    ],
  };
}

/** Quirks in the form of the API; what is neither true, false nor a number is a text. */
function quirksOf(pairs: Pair[]): Record<string, unknown> | null {
  const members = Object.entries(mapOf(pairs)).map(([name, text]) => {
    if (text === "true" || text === "false") {
      return [name, text === "true"];
    }
    return [name, /^\d{1,15}$/.test(text) ? Number(text) : text];
  });
  return members.length > 0 ? Object.fromEntries(members) : null;
}

/** The whole channel as it is on the screen. */
export function bodyOf(draft: Draft): Record<string, unknown> {
  const kept = draft.keys.filter((key) => !key.removed).map(({ id, enabled }) => ({ id, enabled }));
  const added = pastedKeys(draft.newKeys).keys;
  return {
    name: draft.name.trim(),
    tags: draft.tags,
    enabled: draft.enabled,
    provider: draft.provider,
    base_url: draft.base_url.trim(),
    keys: [...kept, ...added],
    models: draft.models,
    model_map: mapOf(draft.model_map),
    priority: numberOf(draft.priority),
    weight: numberOf(draft.weight),
    headers: mapOf(draft.headers),
    drop_params: draft.drop_params,
    rename_params: mapOf(draft.rename_params),
    default_params: jsonMapOf(draft.default_params),
    stream_usage: draft.stream_usage,
    dialects: draft.dialects.length > 0 ? draft.dialects : null,
    quirks: quirksOf(draft.quirks),
    ...sentNumbers(draft),
    azure:
      draft.provider === "azure"
        ? {
            api_version: draft.api_version.trim() === "" ? null : draft.api_version.trim(),
            deployments: mapOf(draft.deployments),
          }
        : null,
    prices: pricesOf(draft.prices),
  };
}

/** What the gateway must know to ask the upstream for its models: where it is and how to get in, as it
 * is typed now. Keys that are kept it knows itself. */
export function modelsQuestion(draft: Draft, storedId: string | null): Record<string, unknown> {
  const { provider, base_url, keys, headers, azure, connect_timeout_ms } = bodyOf(draft);
  const question = { provider, base_url, keys, headers, azure, connect_timeout_ms };
  return storedId === null ? question : { ...question, channel_id: storedId };
}

function providerOf(name: string): Draft["provider"] {
  return ProviderValues.find((provider) => provider === name) ?? "openai";
}
