//! How long something is still left alone, counted down.
import { now } from "../clock";
import { formatDuration, t } from "../i18n";

export function Until({ at }: { at: string | null }) {
  const time = at === null ? Number.NaN : Date.parse(at);
  if (Number.isNaN(time)) {
    return null;
  }
  const left = Math.ceil((time - now.value) / 1000);
  return (
    // Its ticking is for the eye; read out every second it would drown everything else.
    <span class="until" aria-live="off">
      {left > 0 ? t.value["health.for"](formatDuration(left)) : t.value["health.soon"]}
    </span>
  );
}
