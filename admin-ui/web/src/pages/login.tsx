//! The way in: one password. It goes from the field to the gateway and is kept nowhere.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Failure } from "../api/failure";
import { Dialog } from "../components/dialog";
import { Heading } from "../components/heading";
import { failureText, Notice } from "../components/notice";
import { Preferences } from "../components/preferences";
import icon from "../design/icon.svg";
import { t } from "../i18n";
import { leave, login } from "../session/session";

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
        <LoginForm />
      </div>
      <Preferences />
    </main>
  );
}

/** Over the page whose session has ended: with the password it goes on where it was. */
export function SessionOver() {
  return (
    <Dialog title={t.value["login.endedTitle"]}>
      <p class="page__intro">{t.value["login.ended"]}</p>
      <LoginForm />
      <button type="button" class="button button--small dialog__leave" onClick={leave}>
        {t.value["login.giveUp"]}
      </button>
    </Dialog>
  );
}

function LoginForm() {
  const password = useRef<HTMLInputElement>(null);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const waitUntil = useSignal(0);
  const wait = useSecondsUntil(waitUntil.value);

  useEffect(() => password.current?.focus(), []);

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
    const result = await login(field.value);
    busy.value = false;
    if (result.ok) {
      return;
    }
    const { failure } = result;
    problem.value = { kind: "failed", failure };
    if (failure.kind === "refused" && failure.status === 429) {
      waitUntil.value = Date.now() + (failure.retryAfter ?? DEFAULT_WAIT_S) * 1000;
    }
    field.select();
  }

  const isWrong = problem.value !== null && concernsPassword(problem.value);
  return (
    <div class="login__body">
      {problem.value !== null && <ProblemNotice problem={problem.value} />}
      <form class="login__form" onSubmit={submit} noValidate>
        {/* For password managers, which file a password under a name. */}
        <input type="text" name="username" value="admin" autocomplete="username" readOnly hidden />
        <label class="field">
          <span class="field__label">{t.value["login.password"]}</span>
          <input
            ref={password}
            class="input"
            type="password"
            name="password"
            autocomplete="current-password"
            required
            aria-invalid={isWrong}
            {...(problem.value === null ? {} : { "aria-describedby": "login-problem" })}
          />
        </label>
        <button
          type="submit"
          class="button button--primary"
          disabled={wait > 0}
          aria-disabled={busy.value}
        >
          {busy.value
            ? t.value["login.busy"]
            : wait > 0
              ? t.value["login.wait"](wait)
              : t.value["login.submit"]}
        </button>
      </form>
    </div>
  );
}

function concernsPassword(problem: Problem): boolean {
  return (
    problem.kind === "empty" ||
    (problem.failure.kind === "refused" && problem.failure.status === 401)
  );
}

function ProblemNotice({ problem }: { problem: Problem }) {
  const id = "login-problem";
  if (problem.kind === "empty") {
    return (
      <Notice tone="bad" id={id}>
        {t.value["login.empty"]}
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
  return (
    <Notice tone="bad" id={id}>
      {loginFailureText(failure)}
    </Notice>
  );
}

function loginFailureText(failure: Failure): string {
  if (failure.kind === "refused" && failure.status === 401) {
    return t.value["login.wrong"];
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
