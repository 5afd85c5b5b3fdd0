//! Every text in Chinese, those of single pages too: one file, which only readers of Chinese load.
export { accountsZh } from "./accounts.zh";
export { auditPageZh } from "./audit-page.zh";
export { bulkZh } from "./bulk.zh";
export { movingZh, notesZh } from "./moving.zh";
export { playZh } from "./play.zh";
export { problemsZh } from "./problems.zh";
export { zh } from "./zh";
