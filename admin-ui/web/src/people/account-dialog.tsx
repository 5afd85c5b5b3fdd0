//! An account, new or stored, as a form in a dialog.
import { useSignal } from "@preact/signals";
import { changeAccount, createAccount } from "../api/client";
import type { Failure } from "../api/failure";
import type { Account } from "../api/types";
import { CloseButton, Dialog } from "../components/dialog";
import { SelectField, Switch, TextField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { Unsaved } from "../components/unsaved";
import { t } from "../i18n";
import { fieldProblems } from "../i18n/problems";
import { accountChange, ROLES, typedOf } from "./change";
import { own } from "./texts";

interface AccountDialogProps {
  /** `null`: a new one. */
  of: Account | null;
  /** Saved or given up. */
  onClose: () => void;
}

export function AccountDialog({ of, onClose }: AccountDialogProps) {
  const m = t.value;
  const typed = useSignal(typedOf(of));
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const change = accountChange(of, typed.value);
  const problems = fieldProblems(failure.value);
  const set = (part: Partial<typeof typed.value>) => {
    typed.value = { ...typed.value, ...part };
  };

  async function save(event: Event) {
    event.preventDefault();
    if (busy.value) {
      return;
    }
    busy.value = true;
    const result = await (of === null
      ? createAccount(change)
      : changeAccount(of.id, change, of.revision));
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    if (result.ok) {
      onClose();
    }
  }

  const isLastOwner = failure.value?.kind === "refused" && failure.value.code === "last_owner";
  return (
    <Dialog
      title={
        of === null ? own.value["accounts.newTitle"] : own.value["accounts.editTitle"](of.name)
      }
      onClose={onClose}
    >
      <Unsaved when={Object.keys(accountChange(of, typed.value)).length > 0 && !busy.value} />
      <form class="form" noValidate onSubmit={save}>
        {isLastOwner ? (
          <Notice tone="bad">{own.value["accounts.lastOwner"]}</Notice>
        ) : (
          <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
        )}
        <TextField
          label={own.value["accounts.name"]}
          value={typed.value.name}
          required
          errors={problems["name"]}
          onChange={(name) => set({ name })}
        />
        <SelectField
          label={own.value["accounts.role"]}
          value={typed.value.role}
          options={ROLES.map((role) => [role, m[`role.${role}`]] as const)}
          hint={own.value[`role.${typed.value.role}.hint`]}
          errors={problems["role"]}
          onChange={(role) => set({ role })}
        />
        <TextField
          label={of === null ? own.value["accounts.password"] : own.value["accounts.newPassword"]}
          hint={
            of === null ? own.value["accounts.passwordHint"] : own.value["accounts.newPasswordHint"]
          }
          type="password"
          autocomplete="new-password"
          value={typed.value.password}
          errors={problems["password"]}
          onChange={(password) => set({ password })}
        />
        {of !== null && (
          <Switch
            label={own.value["accounts.canLogIn"]}
            checked={typed.value.enabled}
            onChange={(enabled) => set({ enabled })}
          />
        )}
        {of?.totp === true && (
          <>
            <Switch
              label={own.value["accounts.endCodes"]}
              checked={typed.value.endsCodes}
              onChange={(endsCodes) => set({ endsCodes })}
            />
            <p class="field__hint">{own.value["accounts.endCodesHint"]}</p>
          </>
        )}
        <div class="actions actions--end">
          <CloseButton />
          <button type="submit" class="button button--primary" aria-disabled={busy.value}>
            {busy.value ? m["form.saving"] : m["form.save"]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
