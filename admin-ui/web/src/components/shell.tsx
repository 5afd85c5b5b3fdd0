//! The frame around every page of a logged-in admin: navigation, preferences, logging out.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import icon from "../design/icon.svg";
import { t } from "../i18n";
import { PAGES, place } from "../router";
import { may } from "../session/roles";
import { logout, sessionInfo } from "../session/session";
import { deleteWaiting } from "../undo";
import { everything, leaving } from "../unsaved";
import { Icon } from "./icons";
import { Link } from "./link";
import { failureText, Notice } from "./notice";
import { Preferences } from "./preferences";
import { Toasts } from "./toasts";

/** Pages of which a viewer may use nothing. */
const FOR_ADMINS: ReadonlySet<string> = new Set(["playground", "audit"]);

export function Shell({ children }: { children: ComponentChildren }) {
  const m = t.value;
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const isOpen = useSignal(false);

  async function leave() {
    busy.value = true;
    problem.value = null;
    await deleteWaiting();
    const result = await logout();
    busy.value = false;
    if (!result.ok) {
      problem.value = failureText(result.failure);
    }
  }

  return (
    <div class="frame">
      <a class="skip-link" href="#content">
        {m["app.skip"]}
      </a>
      <header class="side" {...(isOpen.value ? { "data-open": "true" } : {})}>
        <div class="side__head">
          <span class="brand">
            <img src={icon} alt="" width="20" height="20" />
            {m["app.name"]}
          </span>
          <button
            type="button"
            class="button button--bare side__toggle"
            aria-expanded={isOpen.value}
            aria-controls="side-body"
            onClick={() => {
              isOpen.value = !isOpen.value;
            }}
          >
            <Icon name={isOpen.value ? "close" : "menu"} />
            {m["nav.menu"]}
          </button>
        </div>
        <div class="side__body" id="side-body">
          <nav aria-label={m["nav.label"]}>
            <ul class="nav">
              {PAGES.filter((name) => !FOR_ADMINS.has(name) || may("admin")).map((name) => (
                <li key={name}>
                  <Link
                    page={name}
                    current={place.value.page === name}
                    onFollow={() => {
                      isOpen.value = false;
                    }}
                  >
                    <Icon name={name} />
                    {m[`nav.${name}`]}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div class="side__end">
            <p class="side__who muted">{sessionInfo.value?.name}</p>
            <Preferences />
            <button
              type="button"
              class="button button--small"
              aria-disabled={busy.value}
              onClick={() => busy.value || leaving(everything, leave)}
            >
              <Icon name="logout" />
              {m["nav.logout"]}
            </button>
          </div>
        </div>
      </header>
      <main class="page" id="content" tabIndex={-1}>
        {problem.value !== null && (
          <Notice tone="bad" title={m["error.logout"]}>
            {problem.value}
          </Notice>
        )}
        {!may("admin") && <Notice tone="info">{m["role.viewing"]}</Notice>}
        {children}
      </main>
      <Toasts />
    </div>
  );
}
