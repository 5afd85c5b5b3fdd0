//! Channels as a table; on a narrow screen each row stands as a block. The roles are written out
//! because browsers drop a table's meaning when its rows are no longer laid out as one.
import type { Channel, UpstreamKey } from "../api/types";
import { formatTime, t } from "../i18n";
import { Status, type Tone } from "./status";

/** More keys than this are counted, not listed. */
const KEYS_SHOWN = 3;

export function ChannelTable({ channels }: { channels: Channel[] }) {
  const m = t.value;
  return (
    <div class="card">
      <table class="table" role="table" aria-label={m["channels.title"]}>
        <thead role="rowgroup">
          <tr role="row">
            <ColumnHead text={m["channels.name"]} />
            <ColumnHead text={m["channels.provider"]} />
            <ColumnHead text={m["channels.baseUrl"]} />
            <ColumnHead text={m["channels.models"]} number />
            <ColumnHead text={m["channels.keys"]} />
            <ColumnHead text={m["channels.priority"]} number />
            <ColumnHead text={m["channels.weight"]} number />
            <ColumnHead text={m["channels.state"]} />
          </tr>
        </thead>
        <tbody role="rowgroup">
          {channels.map((channel) => (
            <ChannelRow key={channel.id} channel={channel} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ColumnHead({ text, number = false }: { text: string; number?: boolean }) {
  return (
    <th scope="col" role="columnheader" class={number ? "number" : ""}>
      {text}
    </th>
  );
}

function ChannelRow({ channel }: { channel: Channel }) {
  const m = t.value;
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        {channel.name}
      </th>
      <td role="cell" data-label={m["channels.provider"]}>
        {channel.provider}
      </td>
      <td role="cell" data-label={m["channels.baseUrl"]} class="url">
        <code>{channel.baseUrl}</code>
      </td>
      <td role="cell" data-label={m["channels.models"]} class="number">
        {channel.serves.length === 0 ? m["channels.allModels"] : channel.serves.length}
      </td>
      <td role="cell" data-label={m["channels.keys"]}>
        <Keys keys={channel.keys} />
      </td>
      <td role="cell" data-label={m["channels.priority"]} class="number">
        {channel.priority}
      </td>
      <td role="cell" data-label={m["channels.weight"]} class="number">
        {channel.weight}
      </td>
      <td role="cell" data-label={m["channels.state"]}>
        <Status tone={channel.enabled ? "good" : "off"}>
          {channel.enabled ? m["channels.enabled"] : m["channels.disabled"]}
        </Status>
      </td>
    </tr>
  );
}

function Keys({ keys }: { keys: UpstreamKey[] }) {
  if (keys.length === 0) {
    return <span class="keys__more">{t.value["channels.noKeys"]}</span>;
  }
  const more = keys.length - KEYS_SHOWN;
  return (
    <ul class="keys">
      {keys.slice(0, KEYS_SHOWN).map((key) => (
        <li key={key.id}>
          <code>{key.hint}</code>
          <KeyStatus of={key} />
        </li>
      ))}
      {more > 0 && <li class="keys__more">{t.value["channels.moreKeys"](more)}</li>}
    </ul>
  );
}

function KeyStatus({ of }: { of: UpstreamKey }) {
  const m = t.value;
  const known: Record<string, { tone: Tone; text: string }> = {
    ok: { tone: "good", text: m["key.ok"] },
    cooling: { tone: "warn", text: m["key.cooling"] },
    rejected: { tone: "bad", text: m["key.rejected"] },
  };
  const { tone, text } = of.enabled
    ? (known[of.status] ?? { tone: "warn", text: of.status })
    : { tone: "off" as const, text: m["key.disabled"] };
  return (
    <Status tone={tone}>
      {text}
      {of.enabled && of.until !== null && ` ${m["key.until"](formatTime(of.until))}`}
    </Status>
  );
}
