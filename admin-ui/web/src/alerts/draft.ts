//! The alerts as they are typed, and what is sent of them. Draws nothing.
import type { AlertRules as RulesInput } from "../../generated/schema";
import type { Alerts } from "../api/types";
import { numberOf } from "../channels/number-settings";
import { dollarsOf, microOf } from "../settings/prices";

export const FLAGS = ["budget_over", "key_rejected", "records_lost"] as const;
export const NUMBERS = [
  "budget_near_percent",
  "gateway_daily_budget_micro_usd",
  "gateway_monthly_budget_micro_usd",
  "channel_down_minutes",
  "error_rate_percent",
  "error_rate_minutes",
  "error_rate_requests",
  "repeat_minutes",
] as const;
export const KINDS = [
  "json",
  "slack",
  "discord",
  "telegram",
  "ntfy",
  "feishu",
  "dingtalk",
  "wecom",
] as const;

export type RuleFlag = (typeof FLAGS)[number];
export type RuleNumber = (typeof NUMBERS)[number];
export type Kind = (typeof KINDS)[number];

/** Numbers as they are typed; empty: the rule is off. */
export type TypedRules = Record<RuleFlag, boolean> & Record<RuleNumber, string>;

export interface TypedDestination {
  /** `null`: it is new. */
  id: string | null;
  name: string;
  kind: Kind;
  enabled: boolean;
  /** Empty: as it is stored. */
  url: string;
  hint: string;
  /** Empty: as it is stored. */
  secret: string;
  hasSecret: boolean;
  recipient: string;
}

export interface TypedAlerts {
  rules: TypedRules;
  destinations: TypedDestination[];
}

const isBudget = (name: RuleNumber) => name.endsWith("micro_usd");
/** Rules that are parts of another one are never off by themselves. */
const isRequired = (name: RuleNumber) =>
  name === "error_rate_minutes" || name === "error_rate_requests";

export function typedOf(alerts: Alerts): TypedAlerts {
  const { rules } = alerts;
  const numbers = NUMBERS.map((name) => {
    const value = rules[name];
    return [name, value === null ? "" : isBudget(name) ? dollarsOf(value) : String(value)];
  });
  const flags = FLAGS.map((name) => [name, rules[name]]);
  return {
    rules: Object.fromEntries([...numbers, ...flags]) as TypedRules,
    destinations: alerts.destinations.map((one) => ({
      id: one.id,
      name: one.name,
      kind: one.kind as Kind,
      enabled: one.enabled,
      url: "",
      hint: one.hint,
      secret: "",
      hasSecret: one.has_secret,
      recipient: one.recipient ?? "",
    })),
  };
}

export function newDestination(name: string): TypedDestination {
  return {
    id: null,
    name,
    kind: "slack",
    enabled: true,
    url: "",
    hint: "",
    secret: "",
    hasSecret: false,
    recipient: "",
  };
}

/** Which kinds have a secret, and what it is for. */
export function secretUse(kind: Kind): "sign" | "bearer" | null {
  switch (kind) {
    case "feishu":
    case "dingtalk":
      return "sign";
    case "json":
    case "ntfy":
      return "bearer";
    default:
      return null;
  }
}

/** What is sent. What is no number is sent as it is: the gateway answers what it expects there. */
export function sentOf({ rules, destinations }: TypedAlerts) {
  const numbers = NUMBERS.map((name) => {
    const text = rules[name];
    const isOff = text.trim() === "" && !isRequired(name);
    return [name, isOff ? null : isBudget(name) ? microOf(text) : numberOf(text)];
  });
  const flags = FLAGS.map((name) => [name, rules[name]]);
  return {
    rules: Object.fromEntries([...numbers, ...flags]) as Partial<RulesInput>,
    destinations: destinations.map(sentDestination),
  };
}

export function sentDestination(one: TypedDestination) {
  return {
    ...(one.id === null ? {} : { id: one.id }),
    name: one.name,
    kind: one.kind,
    enabled: one.enabled,
    ...(one.url.trim() === "" && one.id !== null ? {} : { url: one.url.trim() }),
    ...secretOf(one),
    recipient: one.kind === "telegram" && one.recipient.trim() !== "" ? one.recipient : null,
  };
}

/** A kind without a secret does not keep that of another kind. */
function secretOf(one: TypedDestination): { secret?: string | null } {
  if (secretUse(one.kind) === null) {
    return one.hasSecret ? { secret: null } : {};
  }
  if (one.secret !== "") {
    return { secret: one.secret };
  }
  return one.id !== null && !one.hasSecret ? { secret: null } : {};
}
