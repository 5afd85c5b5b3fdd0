//! The filters of the audit log. They live in the address, so that a view can be linked to.
import { Icon } from "../components/icons";
import { SearchBox } from "../components/list-tools";
import { t } from "../i18n";
import { ask, query } from "../router";
import { FILTERS, setOf, TIMES } from "./entries";
import { texts } from "./texts";

export function FilterBar() {
  const a = texts.value;
  const m = t.value;
  const isSet = Object.keys(setOf(query.value)).length > 0;
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
      <Only name="object" label={a.object} />
      <Only name="who" label={a.who} />
      {isSet && (
        <button
          type="button"
          class="button button--small"
          onClick={() => ask(Object.fromEntries(FILTERS.map((name) => [name, ""])))}
        >
          {m["requests.clear"]}
        </button>
      )}
    </fieldset>
  );
}

interface ChoiceProps {
  name: "action" | "kind" | "time";
  label: string;
  any: string;
  options: readonly (readonly [value: string, text: string])[];
}

function Choice({ name, label, any, options }: ChoiceProps) {
  const value = query.value[name] ?? "";
  return (
    <select
      class="select filters__one"
      aria-label={label}
      data-set={value !== ""}
      value={value}
      onChange={(event) => ask({ [name]: event.currentTarget.value })}
    >
      <option value="">{any}</option>
      {options.map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
    </select>
  );
}

/** What the log is limited to by a link, with the way back. */
function Only({ name, label }: { name: "object" | "who"; label: string }) {
  const value = query.value[name];
  if (value === undefined) {
    return null;
  }
  return (
    <button type="button" class="filter" onClick={() => ask({ [name]: "" })}>
      {label}: <strong>{value}</strong>
      <Icon name="close" />
      <span class="visually-hidden">{t.value["app.remove"](value)}</span>
    </button>
  );
}
