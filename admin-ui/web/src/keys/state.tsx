//! A client key's state in a word, and the key that it has replaced while that is still valid.
import { useSignal } from "@preact/signals";
import { changeKey, showKey } from "../api/client";
import type { ClientKey } from "../api/types";
import { Confirm } from "../components/dialog";
import { Status } from "../components/status";
import { useQuickChange } from "../conflict/use-quick-change";
import { formatTime, t } from "../i18n";
import { denied } from "../session/roles";
import { seenKey } from "./change";
import { expiryOf } from "./expiry";

export function KeyState({ of }: { of: ClientKey }) {
  const m = t.value;
  if (!of.enabled) {
    return <Status tone="off">{m["key.disabled"]}</Status>;
  }
  switch (expiryOf(of, Date.now())) {
    case "over":
      return <Status tone="bad">{m["clients.expired"]}</Status>;
    case "soon":
      return <Status tone="alert">{m["clients.expiresSoon"]}</Status>;
    default:
      return <Status tone="good">{m["clients.active"]}</Status>;
  }
}

interface PreviousProps {
  of: ClientKey;
  onChanged: () => unknown;
}

/** Until when the old key is valid, and a way to end that now. */
export function Previous({ of, onChanged }: PreviousProps) {
  const m = t.value;
  const isAsking = useSignal(false);
  const { wanted, change, rest } = useQuickChange({
    of,
    send: (send, revision) => changeKey(of.id, send, revision),
    show: () => showKey(of.id),
    seen: (key) => ({ ...seenKey(key), previous: key.previous?.hint ?? null }),
    onChanged,
  });
  const { previous } = of;
  if (previous === null) {
    return null;
  }
  return (
    <span class="previous">
      <span class="muted">
        {m["previous.until"](previous.hint, formatTime(previous.valid_until))}
      </span>{" "}
      <button
        type="button"
        class="button button--small"
        aria-disabled={wanted !== null}
        {...denied()}
        onClick={() => {
          isAsking.value = wanted === null;
        }}
      >
        {m["previous.end"]}
        <span class="visually-hidden"> {of.name}</span>
      </button>
      {rest}
      {isAsking.value && (
        <Confirm
          title={m["previous.endTitle"](of.name)}
          text={m["previous.endText"]}
          action={m["previous.endDo"]}
          busy={wanted !== null}
          problem={null}
          onConfirm={() => {
            isAsking.value = false;
            void change({ previous: null });
          }}
          onClose={() => {
            isAsking.value = false;
          }}
        />
      )}
    </span>
  );
}
