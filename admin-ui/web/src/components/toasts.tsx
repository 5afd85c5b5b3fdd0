//! What was just deleted, or changed for many, with the way back.
import { madeChanges } from "../bulk/made";
import { isStale } from "../conflict/stale";
import { t } from "../i18n";
import { deleteAnyway, deletions, gone, pause, resume, undo } from "../undo";
import { Icon } from "./icons";
import { lazy } from "./lazy";
import { failureText } from "./notice";

const ChangeToasts = lazy(async () => (await import("../bulk/bar")).ChangeToasts);

export function Toasts() {
  const m = t.value;
  const shown = deletions.value.filter((one) => !gone.value.includes(one.id));
  return (
    <div class="toasts" role="status">
      {shown.map(({ id, name, many, failure }) => (
        <section
          key={id}
          aria-label={deletingText(name, many !== null)}
          class="toast"
          onMouseEnter={() => pause(id)}
          onMouseLeave={() => resume(id)}
          onFocusCapture={() => pause(id)}
          onBlurCapture={() => resume(id)}
        >
          <span class="toast__text">
            {failure === null
              ? deletingText(name, many !== null)
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
      {madeChanges.value.length > 0 && <ChangeToasts />}
    </div>
  );
}

function deletingText(name: string, isMany: boolean): string {
  return isMany ? t.value["list.deleting"](name) : t.value["undo.deleted"](name);
}
