//! What the admin API sends, under the names that the panel has for it. The readers are generated from the API's
//! document, so that each member, its default and its limits are named there only.

import * as readers from "../../generated/readers";
import { type Reader, record, text } from "./read";

export type {
  Account,
  Alerts,
  Channel,
  ClientKey,
  ClientKeyCreated as CreatedKey,
  Import,
  ImportAlias,
  ImportChannel,
  ImportKey,
  ImportNote,
  ImportVariable,
  KeyTestOutcome as KeyTrial,
  Price,
  PriceChange,
  PriceImport,
  Route as DryRun,
  Session as SessionInfo,
  Settings,
  Status,
  StatusChannel as ChannelStatus,
  TestOutcome as Trial,
  UpstreamKey,
} from "../../generated/readers";
export type { ImportInput } from "../../generated/schema";

type Channel = readers.Channel;

/** The reader for a whole answer, which is called so in errors. */
function answer<T>(read: Reader<T>, name: string): (value: unknown) => T {
  return (value) => read(value, name);
}

/** Unwraps `{"data":[…]}`. */
export function data<T>(read: Reader<{ data: T[] }>): (value: unknown) => T[] {
  return (value) => read(value, "answer").data;
}

export const parseChannel = answer(readers.Channel, "channel");
export const parseChannels = data(readers.ChannelList);

/** What a bulk change has changed, with what it was before. */
export const parseBulk = data(readers.BulkAnswer);
export type BulkChanged = readers.BulkChanged;

/** The names under which a channel serves models; empty: every model. Patterns are no names. */
export function servedModels(of: Channel): string[] {
  // Without a list a channel serves everything, but Azure can only serve what is deployed.
  if (of.models.length === 0 && of.azure === null) {
    return [];
  }
  const mapped = Object.keys(of.model_map).filter((name) => !name.includes("*"));
  return [...new Set([...of.models, ...mapped, ...Object.keys(of.azure?.deployments ?? {})])];
}

export const parseClientKeys = data(readers.ClientKeyList);
export const parseKeyPage = answer(readers.ClientKeyList, "keys");
export type KeyPage = readers.ClientKeyList;
export const parseClientKey = answer(readers.ClientKey, "key");
/** The one answer that holds a whole client key. */
export const parseCreatedKey = answer(readers.ClientKeyCreated, "key");
export const parseAlerts = answer(readers.Alerts, "alerts");
export const parseAlertTest = answer(readers.AlertTest, "test");
export const parseStatus = answer(readers.Status, "status");
export const parseDryRun = answer(readers.Route, "route");
export const parseTrial = answer(readers.TestOutcome, "test");
/** The results of all keys of a channel. */
export const parseKeyTrials = (value: unknown) => readers.TestOutcomes(value, "test").results;
export const parseLoginOptions = answer(readers.LoginOptions, "options");
export type LoginOptions = readers.LoginOptions;
export const parseAccount = answer(readers.Account, "account");
export const parseAccounts = data(readers.Accounts);
export const parseTotpSecret = answer(readers.TotpSecret, "secret");
export type TotpSecret = readers.TotpSecret;
export const parseRecoveryCodes = (value: unknown) =>
  readers.RecoveryCodes(value, "codes").recovery_codes;
export const parseSession = answer(readers.Session, "session");

export function parseModels(value: unknown): string[] {
  return readers.UpstreamModels(value, "models").data.map((model) => model.id);
}

export const parseImport = answer(readers.Import, "import");
export const parsePriceImport = answer(readers.PriceImport, "import");

const config = record({ settings: readers.Settings });
/** The settings of a configuration document, of which nothing else is read. */
export const parseSettings = (value: unknown) => config(value, "config").settings;

/** The public health answer is no part of the admin API. */
const health = record({ version: text });
export const parseVersion = (value: unknown): string => health(value, "health").version;
