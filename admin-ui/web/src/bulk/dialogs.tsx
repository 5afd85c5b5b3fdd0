//! The dialogs of bulk changes: what is asked before many objects are changed. Nothing is sent here.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Failure } from "../api/failure";
import { CloseButton, Dialog } from "../components/dialog";
import { ListEditor } from "../components/editors";
import { TextField } from "../components/fields";
import { FailureNotice } from "../components/notice";
import { Segments } from "../components/segments";
import { Unsaved } from "../components/unsaved";
import { t } from "../i18n";
import { bulkTexts } from "../i18n/bulk";
import { fieldProblems } from "../i18n/problems";
import { denied } from "../session/roles";

export type BulkBody = Record<string, unknown>;

export interface BulkDialogProps {
  /** How people call what is changed: "12 channels". */
  what: string;
  busy: boolean;
  failure: Failure | null;
  onSubmit: (change: BulkBody) => void;
  onClose: () => void;
}

export function TagsDialog(props: BulkDialogProps) {
  const m = t.value;
  const b = bulkTexts.value;
  const added = useSignal<string[]>([]);
  const removed = useSignal<string[]>([]);
  const change = () => ({
    ...(added.value.length > 0 ? { add_tags: added.value } : {}),
    ...(removed.value.length > 0 ? { remove_tags: removed.value } : {}),
  });
  return (
    <Form title={b.tagsTitle(props.what)} change={change} {...props}>
      <ListEditor
        label={b.addTags}
        hint={m["list.tagsHint"]}
        values={added.value}
        errors={fieldProblems(props.failure)["add_tags"]}
        onChange={(values) => {
          added.value = values;
        }}
      />
      <ListEditor
        label={b.removeTags}
        values={removed.value}
        errors={fieldProblems(props.failure)["remove_tags"]}
        onChange={(values) => {
          removed.value = values;
        }}
      />
    </Form>
  );
}

/** What was typed: a number, or the text for the gateway to judge. */
function typed(name: string, text: string): BulkBody {
  const trimmed = text.trim();
  if (trimmed === "") {
    return {};
  }
  return { [name]: /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed };
}

export function RankDialog(props: BulkDialogProps) {
  const m = t.value;
  const b = bulkTexts.value;
  const priority = useSignal("");
  const weight = useSignal("");
  const problems = fieldProblems(props.failure, "change");
  const change = () => {
    const members = { ...typed("priority", priority.value), ...typed("weight", weight.value) };
    return Object.keys(members).length === 0 ? {} : { change: members };
  };
  return (
    <Form title={b.rankTitle(props.what)} change={change} {...props}>
      <p class="muted">{b.rankHint}</p>
      <div class="columns">
        <TextField
          label={m["form.priority"]}
          type="number"
          value={priority.value}
          errors={problems["priority"]}
          onChange={(value) => {
            priority.value = value;
          }}
        />
        <TextField
          label={m["form.weight"]}
          type="number"
          value={weight.value}
          errors={problems["weight"]}
          onChange={(value) => {
            weight.value = value;
          }}
        />
      </div>
    </Form>
  );
}

type How = "add" | "remove" | "replace";

export function ModelsDialog(props: BulkDialogProps) {
  const b = bulkTexts.value;
  const how = useSignal<How>("add");
  const models = useSignal<string[]>([]);
  const change = (): BulkBody => {
    if (models.value.length === 0) {
      return {};
    }
    return how.value === "replace"
      ? { change: { models: models.value } }
      : { [`${how.value}_models`]: models.value };
  };
  return (
    <Form title={b.modelsTitle(props.what)} change={change} {...props}>
      <Segments
        label={b.how}
        value={how.value}
        options={[
          ["add", b.add],
          ["remove", b.remove],
          ["replace", b.replace],
        ]}
        onChange={(value) => {
          how.value = value;
        }}
      />
      <ListEditor
        label={b.models}
        hint={b[`${how.value}Hint`]}
        values={models.value}
        onChange={(values) => {
          models.value = values;
        }}
      />
    </Form>
  );
}

interface FormProps extends BulkDialogProps {
  title: string;
  /** What was typed; empty: nothing yet. */
  change: () => BulkBody;
  children: ComponentChildren;
}

function Form({ title, what, busy, failure, change, onSubmit, onClose, children }: FormProps) {
  const m = t.value;
  const b = bulkTexts.value;
  const isEmpty = Object.keys(change()).length === 0;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const body = change();
          if (!busy && Object.keys(body).length > 0) {
            onSubmit(body);
          }
        }}
      >
        <Unsaved when={!isEmpty} />
        <FailureNotice failure={failure} title={b.failed} />
        {children}
        <div class="actions actions--end">
          <CloseButton />
          <button
            type="submit"
            class="button button--primary"
            aria-disabled={busy || isEmpty}
            {...denied()}
          >
            {busy ? m["form.saving"] : b.apply(what)}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
