//! What is on the screen: login, or a page in its frame. One `switch` over the session, one over the address.
import { Heading } from "./components/heading";
import { lazy } from "./components/lazy";
import { LeaveQuestion } from "./components/leave-question";
import { failureText, Notice } from "./components/notice";
import { Shell } from "./components/shell";
import { t } from "./i18n";
import { LoginPage, SessionOver } from "./pages/login";
import { OverviewPage } from "./pages/overview";
import { go, place } from "./router";
import { checkSession, session, sessionInfo } from "./session/session";
import { givenUp } from "./unsaved";

const AccountsPage = lazy(async () => (await import("./pages/accounts")).AccountsPage);
const AlertsPage = lazy(async () => (await import("./pages/alerts")).AlertsPage);
const AuditPage = lazy(async () => (await import("./pages/audit")).AuditPage);
const ChannelPage = lazy(async () => (await import("./pages/channel")).ChannelPage);
const ChannelsPage = lazy(async () => (await import("./pages/channels")).ChannelsPage);
const ImportPage = lazy(async () => (await import("./pages/import")).ImportPage);
const KeyPage = lazy(async () => (await import("./pages/key")).KeyPage);
const KeysPage = lazy(async () => (await import("./pages/keys")).KeysPage);
const MemberPage = lazy(async () => (await import("./pages/member")).MemberPage);
const RoutingPage = lazy(async () => (await import("./pages/routing")).RoutingPage);
const PlaygroundPage = lazy(async () => (await import("./pages/playground")).PlaygroundPage);
const RequestPage = lazy(async () => (await import("./pages/request")).RequestPage);
const RequestsPage = lazy(async () => (await import("./pages/requests")).RequestsPage);
const SettingsPage = lazy(async () => (await import("./pages/settings")).SettingsPage);

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
      return <LoginPage />;
    case "in":
      return (
        <>
          {sessionInfo.value?.role === "member" ? (
            <MemberPage />
          ) : (
            <Shell>
              <CurrentPage key={givenUp.value} />
            </Shell>
          )}
          <LeaveQuestion />
          {now.over && <SessionOver />}
        </>
      );
  }
}

function CurrentPage() {
  const { page, item } = place.value;
  switch (page) {
    case "overview":
      return <OverviewPage />;
    case "channels":
      // A separate page for each channel, so that no typed text goes from one to another.
      return item === null ? <ChannelsPage /> : <ChannelPage key={item} id={item} />;
    case "keys":
      return item === null ? <KeysPage /> : <KeyPage key={item} id={item} />;
    case "requests":
      return item === null ? <RequestsPage /> : <RequestPage key={item} id={item} />;
    case "playground":
      return <PlaygroundPage />;
    case "routing":
      return <RoutingPage />;
    case "alerts":
      return <AlertsPage />;
    case "audit":
      return <AuditPage />;
    case "settings":
      return <SettingsPage />;
    case "accounts":
      return <AccountsPage />;
    case "import":
      return <ImportPage />;
    case null:
      return <NotFoundPage />;
  }
}

function NotFoundPage() {
  return (
    <div class="card state">
      <Heading>{t.value["app.notFound"]}</Heading>
      <p>{t.value["app.notFoundText"]}</p>
      <button type="button" class="button" onClick={() => go("overview")}>
        {t.value["app.toOverview"]}
      </button>
    </div>
  );
}
