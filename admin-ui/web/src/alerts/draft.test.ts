import { expect, it } from "vitest";
import type { Alerts } from "../api/types";
import { newDestination, secretUse, sentOf, typedOf } from "./draft";

const ALERTS: Alerts = {
  revision: "r1",
  checked_at: null,
  firing: [],
  rules: {
    budget_near_percent: 80,
    budget_over: true,
    gateway_daily_budget_micro_usd: 2_500_000,
    gateway_monthly_budget_micro_usd: null,
    channel_down_minutes: 5,
    error_rate_percent: null,
    error_rate_minutes: 10,
    error_rate_requests: 20,
    key_rejected: true,
    records_lost: false,
    repeat_minutes: 1440,
  },
  destinations: [
    {
      id: "ad_1",
      name: "Group",
      kind: "feishu",
      enabled: true,
      hint: "open.feishu.cn/…wxyz",
      has_secret: true,
      sent_at: null,
      error: null,
      is_waiting: false,
    } as Alerts["destinations"][number],
  ],
};

it("what is not touched is sent as it is, without URL and secret", () => {
  expect(sentOf(typedOf(ALERTS))).toEqual({
    rules: ALERTS.rules,
    destinations: [{ id: "ad_1", name: "Group", kind: "feishu", enabled: true, recipient: null }],
  });
});

it("an empty number is off, budgets are typed in dollars, and what is no number is the gateway's to judge", () => {
  const typed = typedOf(ALERTS);
  expect(typed.rules.gateway_daily_budget_micro_usd).toBe("2.5");
  const rules = {
    ...typed.rules,
    budget_near_percent: " ",
    gateway_monthly_budget_micro_usd: "40",
    error_rate_percent: "50",
    error_rate_minutes: "",
    repeat_minutes: "often",
  };
  expect(sentOf({ ...typed, rules }).rules).toMatchObject({
    budget_near_percent: null,
    gateway_monthly_budget_micro_usd: 40_000_000,
    error_rate_percent: 50,
    error_rate_minutes: "",
    repeat_minutes: "often",
  });
});

it("a new destination is sent with its URL, and a secret only where its kind has one", () => {
  const fresh = { ...newDestination("Ops"), url: " https://hooks.example/x ", secret: "s" };
  const sent = (one: typeof fresh) => sentOf({ ...typedOf(ALERTS), destinations: [one] });
  expect(sent(fresh).destinations).toEqual([
    { name: "Ops", kind: "slack", enabled: true, url: "https://hooks.example/x", recipient: null },
  ]);
  expect(sent({ ...fresh, kind: "dingtalk" }).destinations[0]).toMatchObject({ secret: "s" });
  const telegram = { ...fresh, kind: "telegram", recipient: "@ops" } as const;
  expect(sent(telegram).destinations[0]).toMatchObject({ recipient: "@ops" });
  expect(secretUse("wecom")).toBeNull();
});

it("a stored secret goes when the kind has none, or when it is taken away", () => {
  const [one] = typedOf(ALERTS).destinations;
  if (one === undefined) {
    throw new Error("there is one");
  }
  const sent = (change: object) =>
    sentOf({ ...typedOf(ALERTS), destinations: [{ ...one, ...change }] }).destinations[0];
  expect(sent({ kind: "slack" })).toMatchObject({ secret: null });
  expect(sent({ hasSecret: false })).toMatchObject({ secret: null });
  expect(sent({ secret: "new" })).toMatchObject({ secret: "new" });
  expect(sent({ url: "https://new.example/x" })).toMatchObject({ url: "https://new.example/x" });
});
