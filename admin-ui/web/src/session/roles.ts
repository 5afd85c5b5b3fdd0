//! What the one who is logged in may do, so that the panel offers nothing that the gateway would refuse. The gateway
//! decides; this only shows it.
import type { Role } from "../../generated/schema";
import { t } from "../i18n";
import { sessionInfo } from "./session";

const ORDER: readonly Role[] = ["member", "viewer", "admin", "owner"];

/** Whether `role` is at least `least`. */
export function reaches(role: string, least: Role): boolean {
  return (ORDER as readonly string[]).indexOf(role) >= ORDER.indexOf(least);
}

/** A role in the reader's language; one that only a newer gateway knows, as it is. */
export function roleName(role: string): string {
  const known = ORDER.find((one) => one === role);
  return known === undefined ? role : t.value[`role.${known}`];
}

/** While nothing is known of the session everything is offered, as the gateway refuses what may not be. */
export function may(least: Role): boolean {
  const info = sessionInfo.value;
  return info === null || reaches(info.role, least);
}

/** For a button: nothing, or that it cannot be pressed and why. */
export function denied(least: Role = "admin"): { disabled?: true; title?: string } {
  const info = sessionInfo.value;
  if (info === null || reaches(info.role, least)) {
    return {};
  }
  return { disabled: true, title: t.value["role.denied"](roleName(info.role)) };
}
