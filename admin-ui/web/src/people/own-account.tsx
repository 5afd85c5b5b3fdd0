//! What somebody does for the own account: another password, and one-time codes.
import { type Signal, useSignal } from "@preact/signals";
import { changePassword, newTotpSecret, setTotp } from "../api/client";
import type { Failure } from "../api/failure";
import type { TotpSecret } from "../api/types";
import { Snippet } from "../components/copy";
import { TextField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { Unsaved } from "../components/unsaved";
import { t } from "../i18n";
import { fieldProblems } from "../i18n/problems";
import { learnWhoIsIn, sessionInfo } from "../session/session";
import { QrCode } from "./qr-code";
import { own } from "./texts";

export function OwnAccount() {
  const info = sessionInfo.value;
  if (info === null) {
    return null;
  }
  if (!info.has_account) {
    return (
      <section class="card section">
        <h2>{own.value["own.title"]}</h2>
        <p class="muted">{own.value[info.is_oidc_user ? "own.oidc" : "own.none"]}</p>
      </section>
    );
  }
  return (
    <>
      <PasswordForm />
      <OneTimeCodes isOn={info.has_totp} />
    </>
  );
}

function PasswordForm() {
  const m = t.value;
  const current = useSignal("");
  const next = useSignal("");
  const busy = useSignal(false);
  const isDone = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const problems = fieldProblems(failure.value);

  async function save(event: Event) {
    event.preventDefault();
    if (busy.value) {
      return;
    }
    busy.value = true;
    const result = await changePassword(current.value, next.value);
    busy.value = false;
    isDone.value = result.ok;
    failure.value = result.ok ? null : result.failure;
    if (result.ok) {
      current.value = "";
      next.value = "";
    }
  }

  return (
    <form
      class="card section"
      noValidate
      onSubmit={save}
      aria-label={own.value["own.passwordTitle"]}
    >
      <Unsaved when={next.value !== ""} />
      <h2>{own.value["own.passwordTitle"]}</h2>
      <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
      {isDone.value && <Notice tone="good">{own.value["own.changed"]}</Notice>}
      <CurrentPassword value={current} errors={problems["current"]} />
      <TextField
        label={own.value["accounts.newPassword"]}
        type="password"
        autocomplete="new-password"
        value={next.value}
        errors={problems["new"]}
        onChange={(value) => {
          next.value = value;
        }}
      />
      <div class="actions">
        <button type="submit" class="button" aria-disabled={busy.value}>
          {own.value["own.change"]}
        </button>
      </div>
    </form>
  );
}

interface CurrentPasswordProps {
  value: Signal<string>;
  errors: string[] | undefined;
}

function CurrentPassword({ value, errors }: CurrentPasswordProps) {
  return (
    <TextField
      label={own.value["own.current"]}
      type="password"
      autocomplete="current-password"
      value={value.value}
      errors={errors}
      onChange={(typed) => {
        value.value = typed;
      }}
    />
  );
}

function OneTimeCodes({ isOn }: { isOn: boolean }) {
  const m = t.value;
  const secret = useSignal<TotpSecret | null>(null);
  const recovery = useSignal<string[] | null>(null);
  const current = useSignal("");
  const code = useSignal("");
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const problems = fieldProblems(failure.value);

  async function begin() {
    const result = await newTotpSecret();
    failure.value = result.ok ? null : result.failure;
    secret.value = result.ok ? result.value : null;
  }

  async function save(event: Event) {
    event.preventDefault();
    if (busy.value) {
      return;
    }
    busy.value = true;
    const made = secret.value;
    const result = await setTotp(
      made === null
        ? { current: current.value, secret: null }
        : { current: current.value, secret: made.secret, code: code.value },
    );
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    if (result.ok) {
      secret.value = null;
      current.value = "";
      code.value = "";
      recovery.value = result.value.length > 0 ? result.value : null;
      await learnWhoIsIn();
    }
  }

  if (recovery.value !== null) {
    return (
      <section class="card section">
        <Unsaved when />
        <h2>{own.value["own.recovery"]}</h2>
        <p>{own.value["own.recoveryText"]}</p>
        <Snippet text={recovery.value.join("\n")} label={own.value["own.recovery"]} />
        <div class="actions">
          <button
            type="button"
            class="button"
            onClick={() => {
              recovery.value = null;
            }}
          >
            {own.value["own.done"]}
          </button>
        </div>
      </section>
    );
  }
  return (
    <form class="card section" noValidate onSubmit={save} aria-label={own.value["accounts.codes"]}>
      <Unsaved when={code.value !== ""} />
      <h2>{own.value["accounts.codes"]}</h2>
      <p class="muted">{isOn ? own.value["own.totpOn"] : own.value["own.totpOff"]}</p>
      <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
      {secret.value !== null && <Secret of={secret.value} code={code} errors={problems["code"]} />}
      {(isOn || secret.value !== null) && (
        <CurrentPassword value={current} errors={problems["current"]} />
      )}
      <div class="actions">
        {isOn || secret.value !== null ? (
          <button type="submit" class="button" aria-disabled={busy.value}>
            {secret.value === null ? own.value["own.switchOff"] : own.value["own.confirm"]}
          </button>
        ) : (
          <button type="button" class="button" onClick={begin}>
            {own.value["own.setUp"]}
          </button>
        )}
      </div>
    </form>
  );
}

interface SecretProps {
  of: TotpSecret;
  code: Signal<string>;
  errors: string[] | undefined;
}

function Secret({ of, code, errors }: SecretProps) {
  return (
    <>
      <p>{own.value["own.scan"]}</p>
      <QrCode text={of.uri} label={own.value["own.qr"]} />
      <Snippet text={of.secret} label={own.value["own.secret"]} />
      <div class="actions">
        <a class="button button--small" href={of.uri}>
          {own.value["own.openApp"]}
        </a>
      </div>
      <TextField
        label={own.value["own.code"]}
        autocomplete="one-time-code"
        value={code.value}
        errors={errors}
        onChange={(value) => {
          code.value = value;
        }}
      />
    </>
  );
}
