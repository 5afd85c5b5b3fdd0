//! The way in: the admin password, an account, or a client key. What is typed goes to the gateway and is kept nowhere.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { loginOptions } from "../api/client";
import type { Failure } from "../api/failure";
import type { LoginOptions } from "../api/types";
import { Dialog } from "../components/dialog";
import { TextField } from "../components/fields";
import { Heading } from "../components/heading";
import { failureText, Notice } from "../components/notice";
import { Preferences } from "../components/preferences";
import icon from "../design/icon.svg";
import { t } from "../i18n";
import { useResource } from "../resource";
import { credentialsOf } from "../session/credentials";
import { leave, login, lookAgain, sessionInfo } from "../session/session";
import { failedSignIn, SIGN_IN } from "../session/sign-in";

/** When a refusal does not say how long to wait. */
const DEFAULT_WAIT_S = 30;

type Problem = { kind: "empty" } | { kind: "failed"; failure: Failure };

export function LoginPage() {
  return (
    <main class="login">
      <div class="login__card">
        <div class="login__head">
          <img src={icon} alt="" width="32" height="32" />
          <div>
            <Heading focus={false}>{t.value["login.title"]}</Heading>
            <p class="page__intro">{t.value["login.intro"]}</p>
          </div>
        </div>
        {failedSignIn.value !== null && (
          <Notice tone="bad">{signInFailureText(failedSignIn.value)}</Notice>
        )}
        <LoginForm />
      </div>
      <Preferences />
    </main>
  );
}

/** Over the page whose session has ended: with the password it goes on where it was. */
export function SessionOver() {
  useEffect(() => {
    addEventListener("focus", lookAgain);
    return () => removeEventListener("focus", lookAgain);
  }, []);
  return (
    <Dialog title={t.value["login.endedTitle"]}>
      <p class="page__intro">{t.value["login.ended"]}</p>
      <LoginForm target="_blank" />
      <button type="button" class="button button--small dialog__leave" onClick={leave}>
        {t.value["login.giveUp"]}
      </button>
    </Dialog>
  );
}

/** What the fields are for: a person, or a client key. */
type Way = "person" | "key";

const ONLY_PASSWORD: LoginOptions = {
  password: true,
  accounts: false,
  client_keys: false,
  oidc: null,
};

/** The ways that this gateway has. Until they are known, or when they cannot be known, there is the password. */
function useLoginOptions(): LoginOptions {
  const { data } = useResource(loginOptions);
  return data.value ?? ONLY_PASSWORD;
}

/** What is typed, and sending it. */
function useLogin() {
  const password = useRef<HTMLInputElement>(null);
  const way = useSignal<Way>(sessionInfo.value?.role === "member" ? "key" : "person");
  const name = useSignal(sessionInfo.value?.has_account === true ? sessionInfo.value.name : "");
  const code = useSignal("");
  const needsCode = useSignal(false);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const waitUntil = useSignal(0);
  const wait = useSecondsUntil(waitUntil.value);
  const isKey = way.value === "key";

  useEffect(() => password.current?.focus(), [isKey]);

  async function submit(event: Event) {
    event.preventDefault();
    const field = password.current;
    if (field === null || busy.value || wait > 0) {
      return;
    }
    if (field.value === "") {
      problem.value = { kind: "empty" };
      field.focus();
      return;
    }
    busy.value = true;
    problem.value = null;
    failedSignIn.value = null;
    const result = await login(
      isKey ? { key: field.value } : credentialsOf(name.value, field.value, code.value),
    );
    busy.value = false;
    if (result.ok) {
      return;
    }
    const { failure } = result;
    problem.value = { kind: "failed", failure };
    if (failure.kind === "refused" && failure.code === "totp_required") {
      needsCode.value = true;
      return;
    }
    if (failure.kind === "refused" && failure.status === 429) {
      waitUntil.value = Date.now() + (failure.retryAfter ?? DEFAULT_WAIT_S) * 1000;
    }
    field.select();
  }

  return { password, way, isKey, name, code, needsCode, busy, problem, wait, submit };
}

type Login = ReturnType<typeof useLogin>;

/** `target`: where a sign-in with the provider goes; a page with typed text must stay. */
function LoginForm({ target }: { target?: "_blank" }) {
  const m = t.value;
  const options = useLoginOptions();
  const form = useLogin();
  const hasForm =
    form.isKey ||
    options.password ||
    options.accounts ||
    options.client_keys ||
    options.oidc === null;
  const { isKey, wait, problem } = form;
  const tried = isKey ? "key" : form.name.value.trim() === "" ? "password" : "account";
  return (
    <div class="login__body">
      {problem.value !== null && <ProblemNotice problem={problem.value} tried={tried} />}
      {options.oidc !== null && (
        <a class={`button${hasForm ? "" : " button--primary"}`} href={SIGN_IN} target={target}>
          {m["login.with"](options.oidc)}
        </a>
      )}
      {hasForm && (
        <form class="login__form" onSubmit={form.submit} noValidate>
          <NameField form={form} options={options} />
          <SecretField form={form} />
          {!isKey && form.needsCode.value && (
            <TextField
              label={m["login.code"]}
              hint={m["login.codeHint"]}
              value={form.code.value}
              autocomplete="one-time-code"
              focused
              onChange={(value) => {
                form.code.value = value;
              }}
            />
          )}
          <button
            type="submit"
            class="button button--primary"
            disabled={wait > 0}
            aria-disabled={form.busy.value}
          >
            {form.busy.value
              ? m["login.busy"]
              : wait > 0
                ? m["login.wait"](wait)
                : m["login.submit"]}
          </button>
          {(options.client_keys || isKey) && (
            <button
              type="button"
              class="button button--bare"
              onClick={() => {
                form.way.value = isKey ? "person" : "key";
                problem.value = null;
              }}
            >
              {isKey ? m["login.withPassword"] : m["login.withKey"]}
            </button>
          )}
        </form>
      )}
    </div>
  );
}

function NameField({ form, options }: { form: Login; options: LoginOptions }) {
  const m = t.value;
  if (form.isKey || !options.accounts) {
    // For password managers, which file a password under a name.
    return (
      <input type="text" name="username" value="admin" autocomplete="username" readOnly hidden />
    );
  }
  return (
    <TextField
      label={m["login.name"]}
      hint={options.password ? m["login.nameHint"] : undefined}
      value={form.name.value}
      autocomplete="username"
      onChange={(value) => {
        form.name.value = value;
      }}
    />
  );
}

/** The password, or the client key. */
function SecretField({ form }: { form: Login }) {
  const m = t.value;
  const { isKey, problem } = form;
  const isWrong = problem.value !== null && concernsPassword(problem.value);
  return (
    <label class="field">
      <span class="field__label">{isKey ? m["login.key"] : m["login.password"]}</span>
      <input
        key={form.way.value}
        ref={form.password}
        class="input"
        type="password"
        name={isKey ? "key" : "password"}
        autocomplete={isKey ? "off" : "current-password"}
        required
        aria-invalid={isWrong}
        {...(problem.value === null ? {} : { "aria-describedby": "login-problem" })}
      />
      {isKey && <span class="field__hint">{m["login.keyHint"]}</span>}
    </label>
  );
}

function signInFailureText(code: string): string {
  switch (code) {
    case "expired":
    case "denied":
    case "no_role":
      return t.value[`login.${code}`];
    case "too_many":
      return t.value["login.tooMany"];
    default:
      return t.value["login.failed"](code);
  }
}

/** What is said of credentials that are wrong. */
const WRONG = {
  password: "login.wrong",
  account: "login.wrongAccount",
  key: "login.wrongKey",
} as const;

function concernsPassword(problem: Problem): boolean {
  return (
    problem.kind === "empty" ||
    (problem.failure.kind === "refused" &&
      problem.failure.status === 401 &&
      problem.failure.code !== "totp_required")
  );
}

function ProblemNotice({ problem, tried }: { problem: Problem; tried: keyof typeof WRONG }) {
  const id = "login-problem";
  if (problem.kind === "empty") {
    return (
      <Notice tone="bad" id={id}>
        {t.value[tried === "key" ? "login.emptyKey" : "login.empty"]}
      </Notice>
    );
  }
  const { failure } = problem;
  if (failure.kind === "refused" && failure.code === "admin_disabled") {
    // The gateway's own sentence says which variable to set.
    return (
      <Notice tone="bad" id={id} title={t.value["login.disabled"]}>
        {failure.message}
      </Notice>
    );
  }
  const isBad = failure.kind !== "refused" || failure.code !== "totp_required";
  return (
    <Notice tone={isBad ? "bad" : "info"} id={id}>
      {loginFailureText(failure, tried)}
    </Notice>
  );
}

function loginFailureText(failure: Failure, tried: keyof typeof WRONG): string {
  if (failure.kind === "refused" && failure.code === "totp_required") {
    return t.value["login.codeNeeded"];
  }
  if (failure.kind === "refused" && failure.status === 401) {
    return t.value[WRONG[tried]];
  }
  if (failure.kind === "refused" && failure.status === 429) {
    return t.value["login.tooMany"];
  }
  return failureText(failure);
}

/** Whole seconds left until `until` (Unix milliseconds); draws again as they pass. */
function useSecondsUntil(until: number): number {
  const now = useSignal(Date.now());
  useEffect(() => {
    now.value = Date.now();
    if (until <= now.value) {
      return;
    }
    const timer = setInterval(() => {
      now.value = Date.now();
      if (now.value >= until) {
        clearInterval(timer);
      }
    }, 250);
    return () => clearInterval(timer);
  }, [until, now]);
  return Math.max(0, Math.ceil((until - now.value) / 1000));
}
