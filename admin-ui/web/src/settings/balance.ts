//! The rule by which channels of a priority share requests, and the priorities that have the other one. Pure.
import type { Settings } from "../api/types";

type Balance = Settings["balance"];

/** The priorities that differ from the rule of all others. */
export function exceptionsOf({ balance, balance_by_priority }: Settings): string[] {
  const rules = Object.entries(balance_by_priority);
  return rules.filter(([, rule]) => rule !== balance).map(([priority]) => priority);
}

/** As the gateway stores them. */
export function exceptions(balance: Balance, priorities: readonly string[]) {
  const other: Balance = balance === "weight" ? "least_busy" : "weight";
  return Object.fromEntries(priorities.map((priority) => [priority, other]));
}
