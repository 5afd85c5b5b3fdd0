//! The configuration as a whole, the session, and what runs here.
import { useSignal } from "@preact/signals";
import { exportConfig, version } from "../api/client";
import type { Failure } from "../api/failure";
import { FactList } from "../components/fact-list";
import { Switch } from "../components/fields";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { formatTime, t } from "../i18n";
import { useResource } from "../resource";
import { denied, may } from "../session/roles";
import { sessionInfo } from "../session/session";
import { Import } from "../settings/import";
import { GatewaySettings } from "../settings/limits";

export function SettingsPage() {
  return (
    <>
      <PageHead title={t.value["nav.settings"]} />
      <div class="settings">
        <GatewaySettings />
        <Export />
        {may("owner") && <Import />}
        {may("admin") && <MoveIn />}
        <About />
      </div>
    </>
  );
}

function Export() {
  const m = t.value;
  const secrets = useSignal(false);
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);

  async function download() {
    busy.value = true;
    const result = await exportConfig(secrets.value);
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    if (!result.ok) {
      return;
    }
    const text = `${JSON.stringify(result.value.document, null, 2)}\n`;
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `ai-gateway-${new Date().toISOString().slice(0, 10)}.json`;
    link.click();
    URL.revokeObjectURL(url);
  }

  return (
    <section class="card section">
      <h2>{m["export.title"]}</h2>
      <p class="muted">{m["export.text"]}</p>
      <FailureNotice failure={failure.value} title={m["export.failed"]} />
      <Switch
        label={m["export.secrets"]}
        denied={denied("owner")}
        checked={secrets.value}
        onChange={(checked) => {
          secrets.value = checked;
        }}
      />
      {secrets.value && <p class="field__hint">{m["export.secretsText"]}</p>}
      <div class="actions">
        <button
          type="button"
          class="button"
          aria-disabled={busy.value}
          onClick={() => busy.value || download()}
        >
          <Icon name="download" />
          {m["export.download"]}
        </button>
      </div>
    </section>
  );
}

function MoveIn() {
  const m = t.value;
  return (
    <section class="card section">
      <h2>{m["settings.moveIn"]}</h2>
      <p class="muted">{m["settings.moveInText"]}</p>
      <div class="actions">
        <Link page="import" class="button">
          {m["settings.moveInOpen"]}
        </Link>
      </div>
    </section>
  );
}

const LINKS = [
  ["about.openapi", "/admin/api/openapi.json"],
  ["about.project", "https://spinframework.dev"],
] as const;

function About() {
  const m = t.value;
  const { data } = useResource(version);
  const info = sessionInfo.value;
  const facts: [string, string][] = [
    [m["about.version"], data.value ?? "…"],
    [m["about.api"], `${location.origin}/v1`],
    [m["about.session"], info === null ? "…" : formatTime(info.expires_at)],
    [
      m["about.keys"],
      info === null ? "…" : info.upstream_keys_encrypted ? m["about.encrypted"] : m["about.clear"],
    ],
  ];
  return (
    <section class="card section">
      <h2>{m["about.title"]}</h2>
      <FactList of={facts} kind="facts--rows" />
      <ul class="links">
        {LINKS.map(([name, href]) => (
          <li key={name}>
            <a href={href} target="_blank" rel="noreferrer">
              {m[name]}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
