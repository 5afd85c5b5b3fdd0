//! A key's limits with what is used of each.
import { type Allowance, LIMITS, type LimitName, type Used } from "../api/ledger";
import type { ClientKey } from "../api/types";
import { formatCompact, formatCount, formatPercent, formatTime, formatUsd, t } from "../i18n";
import { isBudget } from "./key-dialog";

export function Limits({ of, allowance }: { of: ClientKey; allowance: Allowance | null }) {
  const set = LIMITS.flatMap((limit) => {
    const most = of.limits[limit];
    return most === null ? [] : [{ limit, most, use: allowance?.[limit] ?? null }];
  });
  if (set.length === 0) {
    return <span class="muted">{t.value["clients.unlimited"]}</span>;
  }
  return (
    <ul class="limits">
      {set.map(({ limit, most, use }) => (
        <li key={limit}>
          <Limit limit={limit} most={most} use={use} />
        </li>
      ))}
    </ul>
  );
}

function Limit({ limit, most, use }: { limit: LimitName; most: number; use: Used | null }) {
  const m = t.value;
  const said = isBudget(limit) ? formatUsd : formatCompact;
  const exactly = isBudget(limit) ? formatUsd : formatCount;
  const part = use === null || most === 0 ? 0 : Math.min(1, use.used / most);
  const title = [
    use === null ? exactly(most) : m["limit.usedOf"](exactly(use.used), exactly(most)),
    `(${formatPercent(part)})`,
    use?.resets_at == null ? "" : m["limit.resets"](formatTime(use.resets_at)),
  ];
  return (
    <span class="limit" title={title.join(" ")}>
      <span class="limit__name">{m[`limit.${limit}`]}</span>
      <span class="limit__use">
        {use === null ? (
          said(most)
        ) : (
          <>
            {m["limit.usedOf"](said(use.used), said(most))}{" "}
            <span class="muted">
              · {m["limit.left"](said(Math.max(0, most - use.used - use.reserved)))}
            </span>
          </>
        )}
      </span>
      <span class="share__bar limit__bar" aria-hidden="true">
        <span
          class={part >= 0.8 ? "share__fill share__fill--near" : "share__fill"}
          style={{ width: `${part * 100}%` }}
        />
      </span>
    </span>
  );
}
