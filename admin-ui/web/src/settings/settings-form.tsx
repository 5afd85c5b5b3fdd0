//! The frame of every form of settings: what went wrong, and saving.
import type { ComponentChildren } from "preact";
import { FailureNotice, Notice } from "../components/notice";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { t } from "../i18n";
import { denied } from "../session/roles";
import type { useSaving } from "./use-saving";

interface SettingsFormProps {
  title: string;
  text?: string;
  saving: ReturnType<typeof useSaving>;
  children: ComponentChildren;
}

export function SettingsForm({ title, text, saving, children }: SettingsFormProps) {
  const m = t.value;
  const conflict = saving.conflict();
  return (
    <form
      class="card section"
      aria-label={title}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void saving.save();
      }}
    >
      <h2>{title}</h2>
      {conflict !== null && (
        <ConflictDialog
          name={m["conflict.settings"]}
          differences={conflict}
          busy={saving.busy.value}
          onReload={() => void saving.startAgain()}
          onOverwrite={() => void saving.overwrite()}
          onClose={saving.giveUp}
        />
      )}
      {text !== undefined && <p class="muted">{text}</p>}
      <FailureNotice failure={saving.failure.value} title={m["form.notSaved"]} />
      {saving.isSaved.value && !saving.isUnsaved && <Notice tone="good">{m["form.saved"]}</Notice>}
      {children}
      <div class="actions">
        <button type="submit" class="button" aria-disabled={saving.busy.value} {...denied()}>
          {saving.busy.value ? m["form.saving"] : m["form.save"]}
        </button>
      </div>
    </form>
  );
}
