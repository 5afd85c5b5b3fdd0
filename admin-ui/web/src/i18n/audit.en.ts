//! Texts about the audit log outside of its page, in English; the page's own are in `audit-page.en.ts`.

export const auditEn = {
  "nav.audit": "Audit log",
  "audit.ofObject": "Change history",
  "ledger.audit_days": "Days for the audit log",
  "ledger.audit_days.hint": (min: string, max: string) => `${min} to ${max}; 0 keeps it for good.`,
};
