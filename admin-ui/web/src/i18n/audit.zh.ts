//! Texts about the audit log outside of its page, in Simplified Chinese.

export const auditZh = {
  "nav.audit": "审计日志",
  "audit.ofObject": "变更记录",
  "ledger.audit_days": "审计日志保留天数",
  "ledger.audit_days.hint": (min: string, max: string) => `${min} 至 ${max}；0 表示永久保留。`,
};
