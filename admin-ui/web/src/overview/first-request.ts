//! Whether any request was ever answered. Asks the log, which is small work, until it was; then never again.
import { exportConfig, requests, usage } from "../api/client";

/** Requests leave the log before their sums go. */
const YEAR_MS = 366 * 86_400_000;

let isKnown = false;

/** Without a ledger there is no telling, and nothing more to wait for. */
export async function wasAnswered(): Promise<boolean> {
  if (isKnown) {
    return true;
  }
  const log = await requests({ status: "2xx", limit: "1" });
  if (!log.ok) {
    return true;
  }
  isKnown = log.value.data.length > 0 || (await wasCounted()) || (await isUnrecorded());
  return isKnown;
}

/** Where nothing is recorded, no request will ever be seen. */
async function isUnrecorded(): Promise<boolean> {
  const config = await exportConfig(false);
  const document = config.ok ? (config.value.document as { settings?: { ledger?: boolean } }) : {};
  return document.settings?.ledger === false;
}

async function wasCounted(): Promise<boolean> {
  const now = Date.now();
  const sums = await usage({
    from: new Date(now - YEAR_MS).toISOString(),
    to: new Date(now).toISOString(),
    bucket: "total",
    group: "none",
  });
  return sums.ok && sums.value.some(({ requests: all, errors }) => all > errors);
}
