//! Accounts: one's own, and for owners those of all.
import { useSignal } from "@preact/signals";
import { deleteAccount, listAccounts } from "../api/client";
import type { Failure } from "../api/failure";
import type { Account } from "../api/types";
import { Confirm } from "../components/dialog";
import { Icon } from "../components/icons";
import { FailureNotice, failureText } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Status } from "../components/status";
import { isGone, isStale } from "../conflict/stale";
import { t } from "../i18n";
import { AccountDialog } from "../people/account-dialog";
import { ROLES } from "../people/change";
import { OwnAccount } from "../people/own-account";
import { own } from "../people/texts";
import { useResource } from "../resource";
import { may, roleName } from "../session/roles";

export function AccountsPage() {
  return may("owner") ? <AllAccounts /> : <JustOwn />;
}

function JustOwn() {
  return (
    <>
      <PageHead title={t.value["nav.accounts"]} />
      <div class="settings">
        <OwnAccount />
      </div>
    </>
  );
}

function AllAccounts() {
  const m = t.value;
  const { data, failure, reload } = useResource(listAccounts);
  const edited = useSignal<Account | "new" | null>(null);
  const doomed = useSignal<Account | null>(null);
  const accounts = data.value;
  return (
    <>
      <PageHead title={m["nav.accounts"]} intro={own.value["accounts.intro"]}>
        <button
          type="button"
          class="button button--primary"
          onClick={() => {
            edited.value = "new";
          }}
        >
          <Icon name="add" />
          {own.value["accounts.add"]}
        </button>
      </PageHead>
      <FailureNotice
        failure={failure.value}
        title={own.value["accounts.failed"]}
        onRetry={reload}
      />
      {accounts === null && failure.value === null && (
        <div class="card skeleton" aria-hidden="true" />
      )}
      {accounts?.length === 0 && (
        <div class="card state">
          <h2>{own.value["accounts.empty"]}</h2>
          <p>{own.value["accounts.emptyText"]}</p>
        </div>
      )}
      {accounts !== null && accounts.length > 0 && (
        <AccountTable
          accounts={accounts}
          onEdit={(account) => {
            edited.value = account;
          }}
          onDelete={(account) => {
            doomed.value = account;
          }}
        />
      )}
      <div class="settings">
        <OwnAccount />
      </div>
      {edited.value !== null && (
        <AccountDialog
          key={edited.value === "new" ? "new" : edited.value.revision}
          of={edited.value === "new" ? null : edited.value}
          onClose={() => {
            edited.value = null;
            void reload();
          }}
          onReload={(theirs) => {
            edited.value = theirs;
            void reload();
          }}
        />
      )}
      {doomed.value !== null && (
        <DeleteAccount
          of={doomed.value}
          onClose={() => {
            doomed.value = null;
            void reload();
          }}
        />
      )}
    </>
  );
}

interface AccountTableProps {
  accounts: readonly Account[];
  onEdit: (account: Account) => void;
  onDelete: (account: Account) => void;
}

function AccountTable({ accounts, onEdit, onDelete }: AccountTableProps) {
  const m = t.value;
  const heads = [
    own.value["accounts.name"],
    own.value["accounts.role"],
    own.value["accounts.state"],
    own.value["accounts.codes"],
  ];
  return (
    <div class="card">
      <table class="table" role="table" aria-label={m["nav.accounts"]}>
        <thead role="rowgroup">
          <tr role="row">
            {heads.map((text) => (
              <th key={text} scope="col" role="columnheader">
                {text}
              </th>
            ))}
            <th scope="col" role="columnheader">
              <span class="visually-hidden">{m["channels.actions"]}</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {accounts.map((account) => (
            <tr role="row" key={account.id}>
              <th scope="row" role="rowheader">
                {account.name}
              </th>
              <td role="cell" data-label={own.value["accounts.role"]}>
                <span title={hintOf(account.role)}>{roleName(account.role)}</span>
              </td>
              <td role="cell" data-label={own.value["accounts.state"]}>
                <Status tone={account.enabled ? "good" : "off"}>
                  {account.enabled ? own.value["accounts.enabled"] : own.value["accounts.disabled"]}
                </Status>
              </td>
              <td role="cell" data-label={own.value["accounts.codes"]}>
                {account.totp
                  ? own.value["accounts.codesOn"](account.recovery_codes)
                  : own.value["accounts.codesOff"]}
              </td>
              <td role="cell" class="table__actions">
                <div class="actions">
                  <button
                    type="button"
                    class="button button--small"
                    onClick={() => onEdit(account)}
                  >
                    {own.value["accounts.edit"]}
                    <span class="visually-hidden"> {account.name}</span>
                  </button>
                  <button
                    type="button"
                    class="button button--bare button--danger"
                    title={own.value["accounts.delete"]}
                    onClick={() => onDelete(account)}
                  >
                    <Icon name="remove" />
                    <span class="visually-hidden">{m["channels.deleteOf"](account.name)}</span>
                  </button>
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function hintOf(role: Account["role"]): string | undefined {
  const known = ROLES.find((one) => one === role);
  return known === undefined ? undefined : own.value[`role.${known}.hint`];
}

function DeleteAccount({ of, onClose }: { of: Account; onClose: () => void }) {
  const m = t.value;
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const revision = useSignal(of.revision);
  async function remove() {
    busy.value = true;
    const result = await deleteAccount(of.id, revision.value);
    busy.value = false;
    if (result.ok || isGone(result.failure)) {
      onClose();
    } else if (isStale(result.failure)) {
      // Confirmed again after the warning.
      revision.value = null;
      problem.value = m["conflict.deleteChanged"](of.name);
    } else {
      problem.value = accountFailure(result.failure);
    }
  }
  return (
    <Confirm
      title={own.value["accounts.deleteTitle"](of.name)}
      text={own.value["accounts.deleteText"]}
      action={
        problem.value !== null && revision.value === null
          ? m["conflict.deleteAnyway"]
          : own.value["accounts.delete"]
      }
      busy={busy.value}
      problem={problem.value}
      onConfirm={remove}
      onClose={onClose}
    />
  );
}

function accountFailure(failure: Failure): string {
  return failure.kind === "refused" && failure.code === "last_owner"
    ? own.value["accounts.lastOwner"]
    : failureText(failure);
}
