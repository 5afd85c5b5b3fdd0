//! What was just deleted, or changed for many, with the way back.
import {
  endOffer,
  type MadeChange,
  madeChanges,
  pauseOffer,
  resumeOffer,
  undoChange,
  wasOverwritten,
} from "../bulk/changes";
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
      {madeChanges.value.map((made) => (
        <ChangeToast key={made.number} made={made} />
      ))}
    </div>
  );
}

function deletingText(name: string, isMany: boolean): string {
  return isMany ? t.value["bulk.deleting"](name) : t.value["undo.deleted"](name);
}

function ChangeToast({ made: { number, text, changed, failure } }: { made: MadeChange }) {
  const m = t.value;
  const isOverwritten = wasOverwritten(failure);
  return (
    <section
      aria-label={text}
      class="toast"
      onMouseEnter={() => pauseOffer(number)}
      onMouseLeave={() => resumeOffer(number)}
      onFocusCapture={() => pauseOffer(number)}
      onBlurCapture={() => resumeOffer(number)}
    >
      <span class="toast__text">
        {failure === null
          ? text
          : isOverwritten
            ? m["bulk.meanwhile"]
            : `${m["bulk.notUndone"]} ${failureText(failure)}`}
      </span>
      {changed.length > 0 && (failure === null || isOverwritten) && (
        <button
          type="button"
          class="button button--small"
          onClick={() => void undoChange(number, isOverwritten)}
        >
          {failure === null ? m["undo.undo"] : m["bulk.undoAnyway"]}
        </button>
      )}
      {(changed.length === 0 || failure !== null) && (
        <button type="button" class="button button--small" onClick={() => endOffer(number)}>
          <Icon name="close" />
          <span class="visually-hidden">{m["app.close"]}</span>
        </button>
      )}
    </section>
  );
}
