//! What was just deleted, with the way back.
import { t } from "../i18n";
import { deletions, gone, pause, resume, undo } from "../undo";
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
              : `${m["undo.failed"](name)} ${failureText(failure)}`}
          </span>
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
