//! The filters of the audit log.
import { Choice, ClearFilters, LimitedTo } from "../components/filters";
import { SearchBox } from "../components/list-tools";
import { t } from "../i18n";
import { TIMES } from "../list-filters";
import { query } from "../router";
import { none, setOf } from "./entries";
import { texts } from "./texts";

export function FilterBar() {
  const a = texts.value;
  const m = t.value;
  return (
    <fieldset class="filters">
      <legend class="visually-hidden">{a.filters}</legend>
      <SearchBox />
      <Choice name="action" label={a.what} any={a.anyAction} options={Object.entries(a.action)} />
      <Choice name="kind" label={a.object} any={a.anyKind} options={Object.entries(a.kind)} />
      <Choice
        name="time"
        label={a.time}
        any={a.anyTime}
        options={TIMES.map((one) => [one, m[`time.last.${one}`]])}
      />
      <LimitedTo name="object" label={a.object} />
      <LimitedTo name="who" label={a.who} />
      <ClearFilters set={setOf(query.value)} none={none} />
    </fieldset>
  );
}
