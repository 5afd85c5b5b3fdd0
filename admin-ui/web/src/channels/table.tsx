//! Channels as a table, one group of rows per priority; on a narrow screen each row is a block.
//! The roles are written out because browsers drop a table's meaning when its rows are no longer laid
//! out as one.
import { changeChannel, showChannel } from "../api/client";
import { type Channel, type ChannelStatus, servedModels } from "../api/types";
import { HeadCheck, RowCheck } from "../bulk/checks";
import type { Selection } from "../bulk/selection";
import { Switch } from "../components/fields";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { SortHead, Tags } from "../components/list-tools";
import { VirtualRows } from "../components/virtual-rows";
import { useQuickChange } from "../conflict/use-quick-change";
import { formatPercent, t } from "../i18n";
import { denied } from "../session/roles";
import { deleteLater } from "../undo";
import { seen } from "./change";
import { type Group, groupsOf, healthOf, shareOf } from "./health";
import { Troubles, Verdict } from "./verdict";

interface TableProps {
  channels: Channel[];
  /** Those that are shown, in the gateway's order; `null`: all. */
  found: readonly string[] | null;
  /** In that order, and not in groups by priority. */
  isSorted: boolean;
  selection: Selection;
  status: ChannelStatus[];
  onChanged: () => void;
  onTest: (channel: Channel) => void;
  onCopy: (channel: Channel) => void;
}

export function ChannelTable(props: TableProps) {
  const m = t.value;
  const lines = linesOf(props);
  const ids = lines.flatMap(({ channel }) => (channel === null ? [] : [channel.id]));
  const { selection } = props;
  return (
    <div class="card">
      <table class="table channels" role="table" aria-label={m["channels.title"]}>
        <thead role="rowgroup">
          <tr role="row">
            <HeadCheck selection={selection} total={ids.length} onAll={() => selection.set(ids)} />
            <SortHead name="name" text={m["channels.name"]} />
            <th scope="col" role="columnheader">
              {m["channels.health"]}
            </th>
            <SortHead name="models" text={m["channels.models"]} first="desc" isNumber />
            <SortHead name="keys" text={m["channels.keys"]} first="desc" isNumber />
            <SortHead name="weight" text={m["channels.share"]} first="desc" />
            <SortHead name="enabled" text={m["channels.enabled"]} />
            <th scope="col" role="columnheader">
              <span class="visually-hidden">{m["channels.actions"]}</span>
            </th>
          </tr>
        </thead>
        <Rows lines={lines} ids={ids} {...props} />
      </table>
    </div>
  );
}

const COLUMNS = 8;

/** A group's head, or one of its channels. */
type Line = { group: Group; channel: Channel | null };

/** The channels that are shown: in groups by priority, or in the gateway's order. */
function linesOf({ channels, found, isSorted }: TableProps): Line[] {
  const groups = groupsOf(channels);
  if (isSorted && found !== null) {
    const lines = groups.flatMap((group) => group.channels.map((channel) => ({ group, channel })));
    const byId = new Map(lines.map((line) => [line.channel.id, line]));
    return found.flatMap((id) => byId.get(id) ?? []);
  }
  const shownIds = found === null ? null : new Set(found);
  return groups.flatMap((group) => {
    const shown = group.channels.filter(({ id }) => shownIds === null || shownIds.has(id));
    return shown.length === 0
      ? []
      : [{ group, channel: null }, ...shown.map((channel) => ({ group, channel }))];
  });
}

interface RowsProps extends TableProps {
  lines: readonly Line[];
  /** The channels among them, as they are listed. */
  ids: readonly string[];
}

function Rows({ lines, ids, channels, found: _, ...rest }: RowsProps) {
  const first = Math.min(...channels.map(({ priority }) => priority));
  return (
    <VirtualRows
      rows={lines}
      idOf={({ group, channel }) => channel?.id ?? `group ${group.priority}`}
      columns={COLUMNS}
      estimate={62}
    >
      {({ group, channel }) =>
        channel === null ? (
          <GroupHead group={group} isFirst={group.priority === first} />
        ) : (
          <ChannelRow channel={channel} group={group.channels} ids={ids} {...rest} />
        )
      }
    </VirtualRows>
  );
}

function GroupHead({ group, isFirst }: { group: Group; isFirst: boolean }) {
  return (
    <tr role="row" class="table__group" data-row={`group ${group.priority}`}>
      <th scope="rowgroup" colSpan={COLUMNS}>
        {t.value["channels.priorityGroup"](group.priority)}
        <span class="muted">
          {isFirst ? t.value["channels.firstChoice"] : t.value["channels.fallback"]}
        </span>
      </th>
    </tr>
  );
}

interface RowProps extends Omit<TableProps, "channels" | "found"> {
  channel: Channel;
  group: Channel[];
  ids: readonly string[];
}

function ChannelRow(props: RowProps) {
  const { channel, group, ids, isSorted, selection, status, onChanged } = props;
  const m = t.value;
  const served = servedModels(channel);
  const health = healthOf(channel, status.find((one) => one.id === channel.id) ?? null);
  return (
    <tr role="row" data-row={channel.id} data-chosen={selection.has(channel.id)}>
      <RowCheck selection={selection} id={channel.id} name={channel.name} order={() => ids} />
      <th scope="row" role="rowheader">
        <Link page="channels" item={channel.id} class="table__link">
          {channel.name}
        </Link>
        <span class="channels__url">
          <code title={channel.base_url}>{channel.base_url}</code>
          {channel.provider !== "openai" && <span class="tag">{channel.provider}</span>}
        </span>
        <Tags of={channel.tags} />
      </th>
      <td role="cell" data-label={m["channels.health"]}>
        <div class="troubles">
          <Verdict health={health} />
          {channel.enabled && <Troubles troubles={health.troubles} />}
        </div>
      </td>
      <td
        role="cell"
        data-label={m["channels.models"]}
        class="number"
        title={served.slice(0, 30).join("\n")}
      >
        {served.length === 0 ? m["channels.allModels"] : served.length}
      </td>
      <td role="cell" data-label={m["channels.keys"]} class="number">
        {health.keys === 0
          ? m["channels.noKeys"]
          : health.usable === health.keys
            ? health.keys
            : m["channels.someKeys"](health.usable, health.keys)}
      </td>
      <td role="cell" data-label={m["channels.share"]}>
        <div>
          <Share of={shareOf(channel, group, status)} weight={channel.weight} />
          {isSorted && <span class="muted">{m["channels.priorityGroup"](channel.priority)}</span>}
        </div>
      </td>
      <td role="cell" data-label={m["channels.enabled"]}>
        <EnabledSwitch channel={channel} onChanged={onChanged} />
      </td>
      <RowActions {...props} />
    </tr>
  );
}

function RowActions({ channel, onTest, onCopy }: RowProps) {
  const m = t.value;
  return (
    <td role="cell" class="table__actions">
      <div class="actions">
        <button
          type="button"
          class="button button--small"
          {...denied()}
          onClick={() => onTest(channel)}
        >
          {m["channels.test"]}
          <span class="visually-hidden"> {channel.name}</span>
        </button>
        <button
          type="button"
          class="button button--bare"
          title={m["channels.copy"]}
          {...denied()}
          onClick={() => onCopy(channel)}
        >
          <Icon name="copy" />
          <span class="visually-hidden">{m["channels.copyOf"](channel.name)}</span>
        </button>
        <button
          type="button"
          class="button button--bare button--danger"
          title={m["channels.delete"]}
          {...denied()}
          onClick={() => deleteLater(channel)}
        >
          <Icon name="remove" />
          <span class="visually-hidden">{m["channels.deleteOf"](channel.name)}</span>
        </button>
      </div>
    </td>
  );
}

function Share({ of, weight }: { of: number; weight: number }) {
  return (
    <span class="share" title={t.value["channels.weightIs"](weight)}>
      <span class="share__text">{formatPercent(of)}</span>
      <span class="share__bar" aria-hidden="true">
        <span class="share__fill" style={{ width: `${of * 100}%` }} />
      </span>
    </span>
  );
}

function EnabledSwitch({ channel, onChanged }: { channel: Channel; onChanged: () => void }) {
  const { wanted, change, rest } = useQuickChange({
    of: channel,
    send: (send, revision) => changeChannel(channel.id, send, revision),
    show: () => showChannel(channel.id),
    seen: (of) => seen(of, t.value),
    onChanged,
  });
  return (
    <>
      <Switch
        label={t.value["channels.enabledOf"](channel.name)}
        quiet
        denied={denied()}
        checked={(wanted?.["enabled"] as boolean | undefined) ?? channel.enabled}
        busy={wanted !== null}
        onChange={(enabled) => change({ enabled })}
      />
      {rest}
    </>
  );
}
