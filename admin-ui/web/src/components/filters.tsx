//! Filters of a list: one of several values, or what a link has limited it to. They live in the address, so that a view
//! can be linked to.
import { t } from "../i18n";
import { ask, type Query, query } from "../router";
import { Icon } from "./icons";

interface ChoiceProps {
  /** The filter's name in the address. */
  name: string;
  label: string;
  /** The text for no filter. */
  any?: string;
  options: readonly (readonly [value: string, text: string])[];
}

export function Choice({ name, label, any, options }: ChoiceProps) {
  const value = query.value[name] ?? "";
  // A link may name what is on no list (any more), such as a deleted key.
  const isKnown = value === "" || options.some(([one]) => one === value);
  return (
    <select
      class="select filters__one"
      aria-label={label}
      data-set={value !== ""}
      value={value}
      onChange={(event) => ask({ [name]: event.currentTarget.value })}
    >
      <option value="">{any ?? t.value["requests.any"](label)}</option>
      {options.map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
      {!isKnown && <option value={value}>{value}</option>}
    </select>
  );
}

interface LimitedToProps {
  name: string;
  label: string;
  /** What is shown in place of the value. */
  text?: string | undefined;
}

/** What a list is limited to, with the way back. */
export function LimitedTo({ name, label, text }: LimitedToProps) {
  const value = query.value[name];
  if (value === undefined) {
    return null;
  }
  const said = text ?? value;
  return (
    <button type="button" class="filter" onClick={() => ask({ [name]: "" })}>
      {label}: <strong>{said}</strong>
      <Icon name="close" />
      <span class="visually-hidden">{t.value["app.remove"](said)}</span>
    </button>
  );
}

/** Takes all filters away, if there are any. */
export function ClearFilters({ set, none }: { set: Query; none: Query }) {
  return Object.keys(set).length === 0 ? null : (
    <button type="button" class="button button--small" onClick={() => ask(none)}>
      {t.value["requests.clear"]}
    </button>
  );
}
