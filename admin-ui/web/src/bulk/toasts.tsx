//! What was just changed for many objects, with the way back.
import { Icon } from "../components/icons";
import { failureText } from "../components/notice";
import { t } from "../i18n";
import { bulkTexts } from "../i18n/bulk";
import { endOffer, pauseOffer, resumeOffer, undoChange, wasOverwritten } from "./changes";
import { type MadeChange, madeChanges } from "./made";

export function ChangeToasts() {
  return (
    <>
      {madeChanges.value.map((made) => (
        <ChangeToast key={made.number} made={made} />
      ))}
    </>
  );
}

function ChangeToast({ made: { number, text, changed, failure } }: { made: MadeChange }) {
  const m = t.value;
  const b = bulkTexts.value;
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
            ? b.meanwhile
            : `${b.notUndone} ${failureText(failure)}`}
      </span>
      {changed.length > 0 && (failure === null || isOverwritten) && (
        <button
          type="button"
          class="button button--small"
          onClick={() => void undoChange(number, isOverwritten)}
        >
          {failure === null ? m["undo.undo"] : b.undoAnyway}
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
