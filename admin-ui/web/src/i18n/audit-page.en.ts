//! Texts of the page of the audit log, in English. They are loaded with the page.
import type { AuditAction, AuditKind } from "../../generated/schema";

const action: Record<AuditAction, string> = {
  create: "Created",
  change: "Changed",
  delete: "Deleted",
  rotate: "Rotated",
  import: "Imported",
  export: "Exported with keys",
  login: "Logged in",
  failed_login: "Failed login",
  logout: "Logged out",
};

const kind: Record<AuditKind, string> = {
  channel: "Channel",
  key: "Client key",
  settings: "Settings",
  config: "Configuration",
  session: "Session",
};

export const auditPageEn = {
  action,
  kind,
  intro: (count: string) => `${count} entries. Secrets are hidden.`,
  introEmpty: "Who changed what, when and from where. Secrets are hidden.",
  export: "Export CSV",
  exportCut: "Only the newest 10,000 entries are exported; filter for others.",
  failed: "The audit log could not be loaded",
  lost: (count: string) => `${count} changes are not in this log`,
  lostText:
    "They were made while the database did not answer. The gateway's own log names each of them.",
  filters: "Filters",
  anyAction: "Action: any",
  anyKind: "Object: any",
  anyTime: "Time: any",
  object: "Object",
  time: "Time",
  who: "Account",
  what: "Action",
  changes: "Changes",
  address: "Address",
  open: "Show changes",
  more: (count: number) => `+${count}`,
  empty: "Nothing has been recorded yet",
  emptyText: "Every change from now on appears here.",
  noMatch: "No entries match",
  noMatchText: "Remove a filter, or search for something else.",
  noChanges: "No members were changed.",
  before: "Before",
  after: "After",
  removed: "Removed",
  added: "Added",
  member: "Member",
  unset: "–",
  hidden: "hidden",
  omitted: (count: string) => `${count} more changes had no room in the entry.`,
  others: "Other entries about it",
  id: "Entry",
};
