//! What was just deleted, with the way back.
import { isStale } from "../conflict/stale";
import { t } from "../i18n";
import { deleteAnyway, deletions, gone, pause, resume, undo } from "../undo";
import { Icon } from "./icons";
import { failureText } from "./notice";

export function Toasts() {
  const m = t.value;
  const shown = deletions.value.filter((one) => !gone.value.includes(one.id));
  return (
    <div class="toasts" role="status">
      {shown.map(({ id, name, failure }) => (
        <section
          key={id}
          aria-label={m["undo.deleted"](name)}
          class="toast"
          onMouseEnter={() => pause(id)}
          onMouseLeave={() => resume(id)}
          onFocusCapture={() => pause(id)}
          onBlurCapture={() => resume(id)}
        >
          <span class="toast__text">
            {failure === null
              ? m["undo.deleted"](name)
              : isStale(failure)
                ? m["conflict.deleteChanged"](name)
                : `${m["undo.failed"](name)} ${failureText(failure)}`}
          </span>
          {failure !== null && isStale(failure) && (
            <button
              type="button"
              class="button button--small button--danger"
              onClick={() => void deleteAnyway(id)}
            >
              {m["conflict.deleteAnyway"]}
            </button>
          )}
          <button type="button" class="button button--small" onClick={() => undo(id)}>
            {failure === null ? (
              m["undo.undo"]
            ) : (
              <>
                <Icon name="close" />
                <span class="visually-hidden">{m["app.close"]}</span>
              </>
            )}
          </button>
        </section>
      ))}
    </div>
  );
}
