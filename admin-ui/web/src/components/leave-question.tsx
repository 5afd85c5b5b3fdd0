//! Asks before what was typed is given up.
import { t } from "../i18n";
import { question, stay } from "../unsaved";
import { CloseButton, Dialog } from "./dialog";

export function LeaveQuestion() {
  const m = t.value;
  const leave = question.value;
  if (leave === null) {
    return null;
  }
  return (
    <Dialog title={m["unsaved.title"]} onClose={stay}>
      <p>{m["unsaved.text"]}</p>
      <div class="actions actions--end">
        <CloseButton text={m["unsaved.stay"]} />
        <button type="button" class="button button--danger" onClick={leave}>
          {m["unsaved.leave"]}
        </button>
      </div>
    </Dialog>
  );
}
