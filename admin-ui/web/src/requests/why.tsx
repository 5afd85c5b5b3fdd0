//! Why a request has no whole answer: in words, with the figures of its limit, and what was said about it.
import type { ExceededLimit, RequestRow } from "../api/ledger";
import { FactList } from "../components/fact-list";
import { formatCount, formatTime, formatUsd, t, word } from "../i18n";

export function Why({ of }: { of: RequestRow }) {
  const m = t.value;
  if (of.reason === null) {
    return null;
  }
  return (
    <section class="why" aria-label={m["why.title"]}>
      <p class="why__reason">{word("why", of.reason)}</p>
      {of.limit !== null && <Figures of={of.limit} />}
      {of.detail !== null && (
        <p class="why__said">
          <span class="muted">{m["why.said"]}: </span>
          <q>{of.detail}</q>
        </p>
      )}
    </section>
  );
}

function Figures({ of: { name, limit, used, free_at } }: { of: ExceededLimit }) {
  const m = t.value;
  const said = name.endsWith("_usd") ? formatUsd : formatCount;
  const texts: Readonly<Record<string, unknown>> = m;
  const figures = [
    [m["why.limit"], `${said(limit)} (${texts[`limit.${name}`] ?? name})`],
    [m["why.used"], said(used)],
    [m["why.free"], formatTime(free_at)],
  ] as const;
  return <FactList of={figures} kind="why__figures" />;
}
