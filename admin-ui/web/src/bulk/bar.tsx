//! What can be done with the chosen rows of a list, below it. One change of the gateway's configuration each, with a way
//! back.
import { useSignal } from "@preact/signals";
import { changeMany, type Noun } from "../api/client";
import type { Failure } from "../api/failure";
import { Confirm } from "../components/dialog";
import { Icon } from "../components/icons";
import { FailureNotice } from "../components/notice";
import { bulkTexts } from "../i18n/bulk";
import { denied } from "../session/roles";
import { deleteManyLater, missingOf } from "../undo";
import { offerUndo, withNames } from "./changes";
import { type BulkBody, ModelsDialog, RankDialog, TagsDialog } from "./dialogs";
import { MOST, type Selection } from "./selection";

export { ChangeToasts } from "./toasts";

const DIALOGS = { tags: TagsDialog, rank: RankDialog, models: ModelsDialog };
type Question = keyof typeof DIALOGS | "delete";
type Said = "enabled" | "disabled" | "changed";

interface BarProps {
  noun: Noun;
  selection: Selection;
  /** How many rows the list has, with those that are not loaded. */
  total: number;
  nameOf: (id: string) => string | null;
  onAll: () => Promise<void> | void;
  onChanged: () => unknown;
}

/** Sends changes of the selection, one at a time. */
function useChanging({ noun, selection, nameOf, onChanged }: BarProps) {
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);

  /** Whether it was done. */
  async function send(change: BulkBody, said: Said): Promise<boolean> {
    if (busy.value) {
      return false;
    }
    const ids = [...selection.ids.value];
    busy.value = true;
    failure.value = null;
    const result = await changeMany(noun, { ids, ...change });
    busy.value = false;
    if (!result.ok) {
      failure.value = withNames(result.failure, ids, nameOf);
      selection.drop(missingOf(result.failure, ids));
      return false;
    }
    const changed = result.value;
    const b = bulkTexts.value;
    const text = changed.length === 0 ? b.same : b[said](b[noun](changed.length));
    offerUndo({ noun, text, changed, onUndone: () => void onChanged() });
    await onChanged();
    return true;
  }

  return { busy, failure, send };
}

export function BulkBar(props: BarProps) {
  const { noun, selection, total, onAll } = props;
  const b = bulkTexts.value;
  const { busy, failure, send } = useChanging(props);
  const asked = useSignal<Question | null>(null);
  const count = selection.size;
  const what = b[noun](count);
  const questions: Question[] = noun === "channels" ? ["tags", "rank", "models"] : ["tags"];

  function ask(question: Question | null) {
    failure.value = null;
    asked.value = question;
  }

  const Asked = asked.value === null || asked.value === "delete" ? null : DIALOGS[asked.value];
  return (
    <>
      {asked.value === null && <FailureNotice failure={failure.value} title={b.failed} />}
      <div class="bulk" role="toolbar" aria-label={b.bar}>
        <strong role="status">{b.count(count)}</strong>
        {count < total && count < MOST && (
          <button type="button" class="button button--small" onClick={() => void onAll()}>
            {b.all(Math.min(total, MOST))}
          </button>
        )}
        {count === MOST && total > MOST && <span class="muted">{b.most(MOST)}</span>}
        <span class="bulk__actions">
          <Action
            text={b.enable}
            busy={busy.value}
            onClick={() => void send({ change: { enabled: true } }, "enabled")}
          />
          <Action
            text={b.disable}
            busy={busy.value}
            onClick={() => void send({ change: { enabled: false } }, "disabled")}
          />
          {questions.map((question) => (
            <Action
              key={question}
              text={`${b[question]}…`}
              busy={busy.value}
              onClick={() => ask(question)}
            />
          ))}
          <Action text={`${b.delete}…`} busy={busy.value} isRed onClick={() => ask("delete")} />
        </span>
        <button
          type="button"
          class="button button--bare"
          title={b.clear}
          onClick={() => selection.clear()}
        >
          <Icon name="close" />
          <span class="visually-hidden">{b.clear}</span>
        </button>
      </div>
      {Asked !== null && (
        <Asked
          what={what}
          busy={busy.value}
          failure={failure.value}
          onSubmit={async (change) => {
            if (await send(change, "changed")) {
              ask(null);
            }
          }}
          onClose={() => ask(null)}
        />
      )}
      {asked.value === "delete" && (
        <Confirm
          title={b.deleteTitle(what)}
          text={b.deleteText}
          action={`${b.delete} (${count})`}
          busy={false}
          problem={null}
          onConfirm={() => {
            ask(null);
            deleteManyLater(noun, [...selection.ids.value], what);
            selection.clear();
          }}
          onClose={() => ask(null)}
        />
      )}
    </>
  );
}

interface ActionProps {
  text: string;
  busy: boolean;
  isRed?: boolean;
  onClick: () => void;
}

function Action({ text, busy, isRed = false, onClick }: ActionProps) {
  return (
    <button
      type="button"
      class={`button button--small${isRed ? " button--danger" : ""}`}
      aria-disabled={busy}
      {...denied()}
      onClick={() => busy || onClick()}
    >
      {text}
    </button>
  );
}
