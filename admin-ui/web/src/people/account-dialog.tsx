//! An account, new or stored, as a form in a dialog.
import { useSignal } from "@preact/signals";
import { changeAccount, createAccount, listAccounts } from "../api/client";
import type { Failure, Result } from "../api/failure";
import type { Account } from "../api/types";
import { CloseButton, Dialog } from "../components/dialog";
import { SelectField, Switch, TextField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { Unsaved } from "../components/unsaved";
import { differences } from "../conflict/changes";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { type Now, now } from "../conflict/stale";
import { t } from "../i18n";
import { fieldProblems } from "../i18n/problems";
import { accountChange, ROLES, seenAccount, seenTyped, type Typed, typedOf } from "./change";
import { own } from "./texts";

interface AccountDialogProps {
  /** `null`: a new one. */
  of: Account | null;
  /** Saved or given up. */
  onClose: () => void;
  /** What was typed is given up for the account as it is now. */
  onReload: (of: Account) => void;
}

const GONE: Failure = {
  kind: "refused",
  status: 404,
  code: null,
  message: "",
  problems: [],
  retryAfter: null,
};

/** From the list, as the API does not show a single account. */
async function showAccount(id: string): Promise<Result<Account>> {
  const listed = await listAccounts();
  if (!listed.ok) {
    return listed;
  }
  const account = listed.value.find((one) => one.id === id);
  return account === undefined ? { ok: false, failure: GONE } : { ok: true, value: account };
}

/** What is typed, and saving it. */
function useAccount({ of, onClose }: Pick<AccountDialogProps, "of" | "onClose">) {
  const typed = useSignal(typedOf(of));
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const met = useSignal<Now<Account> | null>(null);

  async function save(revision: string | null) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    failure.value = null;
    const change = accountChange(of, typed.value);
    const result = await (of === null
      ? createAccount(change)
      : changeAccount(of.id, change, revision));
    if (result.ok) {
      busy.value = false;
      onClose();
      return;
    }
    const meanwhile = of === null ? null : await now(result.failure, () => showAccount(of.id));
    busy.value = false;
    met.value = meanwhile?.ok === true ? meanwhile.value : null;
    failure.value = meanwhile === null ? result.failure : meanwhile.ok ? null : meanwhile.failure;
  }

  return { typed, busy, failure, met, save };
}

export function AccountDialog({ of, onClose, onReload }: AccountDialogProps) {
  const m = t.value;
  const { typed, busy, failure, met, save } = useAccount({ of, onClose });
  const problems = fieldProblems(failure.value);
  const set = (part: Partial<Typed>) => {
    typed.value = { ...typed.value, ...part };
  };

  if (met.value !== null && of !== null) {
    const { theirs } = met.value;
    const mine = seenTyped(of, typed.value, own.value["accounts.newPassword"]);
    return (
      <ConflictDialog
        name={of.name}
        differences={
          theirs === null ? null : differences(seenAccount(of), seenAccount(theirs), mine)
        }
        busy={busy.value}
        onReload={() => (theirs === null ? onClose() : onReload(theirs))}
        onOverwrite={() => void save(theirs?.revision ?? null)}
        onClose={() => {
          met.value = null;
        }}
      />
    );
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
      <form
        class="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save(of?.revision ?? null);
        }}
      >
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
        {of !== null && <LoginSwitches of={of} typed={typed.value} set={set} />}
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

interface LoginSwitchesProps {
  of: Account;
  typed: Typed;
  set: (part: Partial<Typed>) => void;
}

/** Whether the account can be logged in to, and whether it still needs one-time codes. */
function LoginSwitches({ of, typed, set }: LoginSwitchesProps) {
  return (
    <>
      <Switch
        label={own.value["accounts.canLogIn"]}
        checked={typed.enabled}
        onChange={(enabled) => set({ enabled })}
      />
      {of.totp && (
        <>
          <Switch
            label={own.value["accounts.endCodes"]}
            checked={typed.endsCodes}
            onChange={(endsCodes) => set({ endsCodes })}
          />
          <p class="field__hint">{own.value["accounts.endCodesHint"]}</p>
        </>
      )}
    </>
  );
}
