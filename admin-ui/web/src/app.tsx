//! What is on the screen: login, or a page in its frame. One `switch` over the session.
import { Heading } from "./components/heading";
import { failureText, Notice } from "./components/notice";
import { Shell } from "./components/shell";
import { t } from "./i18n";
import { ChannelsPage } from "./pages/channels";
import { LoginPage } from "./pages/login";
import { go, page } from "./router";
import { checkSession, session } from "./session/session";

export function App() {
  const now = session.value;
  switch (now.state) {
    case "checking":
      return (
        <main class="login">
          <p class="page__intro" role="status">
            {t.value["app.checking"]}
          </p>
        </main>
      );
    case "unreachable":
      return (
        <main class="login">
          <Notice tone="bad">
            <p>{failureText(now.failure)}</p>
            <button type="button" class="button notice__action" onClick={checkSession}>
              {t.value["app.retry"]}
            </button>
          </Notice>
        </main>
      );
    case "out":
      return <LoginPage ended={now.ended} />;
    case "in":
      return <Shell>{page.value === "channels" ? <ChannelsPage /> : <NotFoundPage />}</Shell>;
  }
}

function NotFoundPage() {
  return (
    <div class="card state">
      <Heading>{t.value["app.notFound"]}</Heading>
      <p>{t.value["app.notFoundText"]}</p>
      <button type="button" class="button" onClick={() => go("channels")}>
        {t.value["app.toChannels"]}
      </button>
    </div>
  );
}
