//! How a channel fares, in a word and with what is wrong with its keys and models.
import { Status } from "../components/status";
import { formatTime, t } from "../i18n";
import type { Health, Trouble } from "./health";
import { Until } from "./until";

/** More troubles than this are counted, not listed. */
const TROUBLES_SHOWN = 3;

/** The verdict in a word; when and why stand beside it, or are its title. */
export function Verdict({ health, brief = false }: { health: Health; brief?: boolean }) {
  const m = t.value;
  const worked = health.workedAt === null ? null : m["health.worked"](formatTime(health.workedAt));
  const texts: Partial<Record<Health["verdict"], string>> = {
    notReady: m["health.notReadyText"],
    unknown: m["health.unknownText"],
    unused: m["health.unusedText"],
  };
  const why = health.troubles.map(troubleText).slice(0, TROUBLES_SHOWN);
  const title = [texts[health.verdict], ...why, worked].filter(Boolean).join("\n");
  return (
    <>
      <span class="status" title={title === "" ? undefined : title}>
        <Status tone={health.tone}>{m[`health.${health.verdict}`]}</Status>
      </span>
      {!brief && health.verdict === "notReady" && (
        <span class="troubles__why">{m["health.notReadyText"]}</span>
      )}
      {!brief && health.verdict !== "disabled" && worked !== null && (
        <span class="troubles__why">{worked}</span>
      )}
    </>
  );
}

/** When and why something failed, in one line. */
export function troubleText({ name, since, detail }: Trouble): string {
  const failed = since === null ? null : t.value["health.failedAt"](formatTime(since));
  return [name, failed, detail].filter((part) => part !== null).join(" · ");
}

export function Troubles({ troubles }: { troubles: Trouble[] }) {
  const m = t.value;
  if (troubles.length === 0) {
    return null;
  }
  const more = troubles.length - TROUBLES_SHOWN;
  return (
    <ul class="troubles__list">
      {troubles.slice(0, TROUBLES_SHOWN).map((trouble) => (
        <li key={trouble.id} title={troubleText(trouble)}>
          <span class="troubles__what">
            {trouble.name !== null && <code>{trouble.name}</code>}
            {trouble.name !== null && trouble.state !== "failed" && (
              <span>{stateText(trouble.state)}</span>
            )}
            <Until at={trouble.until} />
          </span>
          <span class="troubles__why">{troubleText({ ...trouble, name: null })}</span>
        </li>
      ))}
      {more > 0 && <li class="muted">{m["channels.more"](more)}</li>}
    </ul>
  );
}

/** A state in words; one that a newer gateway knows, as it is. */
export function stateText(state: string): string {
  const m = t.value;
  const known: Record<string, string> = {
    ok: m["key.ok"],
    ready: m["key.ready"],
    failed: m["key.failed"],
    unused: m["key.unused"],
    unknown: m["key.unknown"],
    probing: m["key.probing"],
    cooling: m["key.cooling"],
    rejected: m["key.rejected"],
  };
  return known[state] ?? state;
}
