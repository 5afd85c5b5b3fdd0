//! Who caused the usage: a table of models, channels, client keys, tags or reasons that can be sorted by each column.
import type { Grouping } from "../api/ledger";
import { Link } from "../components/link";
import { SortHead } from "../components/list-tools";
import { formatCount, formatPercent, formatUsd, t, word } from "../i18n";
import { type Query, query } from "../router";
import {
  COLOURED,
  errorRate,
  MEASURES,
  type Member,
  membersOf,
  type Sums,
  sorted,
  sumsOf,
  swatch,
} from "./figures";
import type { Shown } from "./usage";

const CELLS = {
  requests: ({ requests }: Sums) => formatCount(requests),
  errors: (sums: Sums) =>
    sums.errors === 0 ? "0" : `${formatCount(sums.errors)} (${formatPercent(errorRate(sums))})`,
  tokensIn: ({ prompt }: Sums) => formatCount(prompt),
  tokensOut: ({ completion }: Sums) => formatCount(completion),
  cost: ({ costMicroUsd }: Sums) => formatUsd(costMicroUsd),
};
type Column = keyof typeof CELLS;

/** Of reasons only the errors are counted. */
function columnsOf(group: Grouping, hasCost: boolean): readonly Column[] {
  if (group === "reason") {
    return ["errors"];
  }
  return ["requests", "errors", "tokensIn", "tokensOut", ...(hasCost ? (["cost"] as const) : [])];
}

interface MembersProps {
  shown: Shown;
  /** Filters of the page, for the links to the requests. */
  filters: Query;
}

export function Members({ shown, filters }: MembersProps) {
  const m = t.value;
  const { members: rows, parts, group, whole, order } = shown;
  const members = sorted(membersOf(rows, group), order);
  // A member has the colour that it has in the charts, wherever it is in the table.
  const charted = membersOf(parts, group, MEASURES[order.sort]).map(({ id }) => id);
  const all = sumsOf(whole);
  const columns = columnsOf(group, all.costMicroUsd > 0);
  const label = m[`usage.by.${group}`];
  if (members.length === 0) {
    return <p class="members__none muted">{m["usage.noMembers"]}</p>;
  }
  return (
    <table class="table members" role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          <SortHead name="name" text={m[`usage.${group}`]} />
          {columns.map((column) => (
            <SortHead
              key={column}
              name={column}
              text={m[`usage.${column}`]}
              first="desc"
              isNumber
            />
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {members.map((member) => (
          <tr role="row" key={member.isRest ? "rest" : `=${member.id ?? ""}`}>
            <th scope="row" role="rowheader">
              <span class="members__name">
                <span class={`swatch ${swatch(placeIn(charted, member))}`} aria-hidden="true" />
                <MemberName member={member} group={group} filters={filters} />
              </span>
            </th>
            {columns.map((column) => (
              <td key={column} role="cell" data-label={m[`usage.${column}`]} class="number">
                {group === "reason" ? formatCount(member.sums.errors) : CELLS[column](member.sums)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function placeIn(charted: readonly (string | null)[], { id, isRest }: Member): number {
  const place = charted.indexOf(id);
  return isRest || place < 0 ? COLOURED : place;
}

function MemberName({
  member: { id, name, isRest },
  group,
  filters,
}: {
  member: Member;
  group: Grouping;
  filters: Query;
}) {
  if (isRest) {
    return <span class="muted">{t.value["usage.rest"]}</span>;
  }
  if (id === null) {
    return <span class="muted">{t.value[`usage.none.${group}`]}</span>;
  }
  if (group === "tag" || group === "channel_tag") {
    // A tag is of several members: what they have used is looked at first.
    const tagged = { ...query.value, tag: id, group: "", sort: "", order: "" };
    return (
      <Link
        page="overview"
        query={Object.fromEntries(Object.entries(tagged).filter(([, value]) => value !== ""))}
        class="table__link"
        title={t.value["list.onlyTag"](id)}
      >
        {name}
      </Link>
    );
  }
  return (
    <Link page="requests" query={{ ...filters, [group]: id }} class="table__link">
      {group === "reason" ? word(group, id) : name}
    </Link>
  );
}
