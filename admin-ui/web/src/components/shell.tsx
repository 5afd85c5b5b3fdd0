//! The frame around every page of a logged-in admin: navigation, preferences, logging out.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import icon from "../design/icon.svg";
import { t } from "../i18n";
import { go, href, isPlainClick, PAGES, page } from "../router";
import { logout } from "../session/session";
import { failureText, Notice } from "./notice";
import { Preferences } from "./preferences";

export function Shell({ children }: { children: ComponentChildren }) {
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);

  async function leave() {
    busy.value = true;
    problem.value = null;
    const result = await logout();
    busy.value = false;
    if (!result.ok) {
      problem.value = failureText(result.failure);
    }
  }

  return (
    <>
      <a class="skip-link" href="#content">
        {t.value["app.skip"]}
      </a>
      <header class="topbar">
        <span class="brand">
          <img src={icon} alt="" width="20" height="20" />
          {t.value["app.name"]}
        </span>
        <nav aria-label={t.value["nav.label"]}>
          <ul class="nav">
            {PAGES.map((name) => (
              <li key={name}>
                <a
                  href={href(name)}
                  {...(page.value === name ? { "aria-current": "page" } : {})}
                  onClick={(event) => {
                    if (isPlainClick(event)) {
                      event.preventDefault();
                      go(name);
                    }
                  }}
                >
                  {t.value[`nav.${name}`]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="topbar__end">
          <Preferences />
          <button type="button" class="button" disabled={busy.value} onClick={leave}>
            {t.value["nav.logout"]}
          </button>
        </div>
      </header>
      <main class="page" id="content" tabIndex={-1}>
        {problem.value !== null && (
          <Notice tone="bad" title={t.value["error.logout"]}>
            {problem.value}
          </Notice>
        )}
        {children}
      </main>
    </>
  );
}
