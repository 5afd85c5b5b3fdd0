//! By how much a figure is above or below that of the period before.
import { formatChange, t } from "../i18n";
import { change } from "./figures";

interface ChangeProps {
  now: number;
  before: number;
  write: (value: number) => string;
}

export function Change({ now, before, write }: ChangeProps) {
  const m = t.value;
  const share = change(now, before);
  const text = share !== null ? formatChange(share) : now === 0 ? null : m["compare.new"];
  const hint = m["compare.before"](write(before));
  return text === null ? null : (
    <span class="chart__change" title={hint}>
      {text}
      <span class="visually-hidden"> ({hint})</span>
    </span>
  );
}
