//! The filters of the request log.

import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import type { Channel, ClientKey } from "../api/types";
import { servedModels } from "../api/types";
import { Choice, ClearFilters } from "../components/filters";
import { SearchBox, TagFilter } from "../components/list-tools";
import { REASONS, t } from "../i18n";
import { TIMES } from "../list-filters";
import { ask, query } from "../router";
import { ENDS, none, STATUSES, setOf } from "./filters";

interface FilterBarProps {
  channels: readonly Channel[];
  keys: readonly ClientKey[];
}

export function FilterBar({ channels, keys }: FilterBarProps) {
  const m = t.value;
  const named = (list: readonly { id: string; name: string }[]) =>
    list.map(({ id, name }) => [id, name] as const);
  return (
    <fieldset class="filters">
      <legend class="visually-hidden">{m["requests.filters"]}</legend>
      <SearchBox />
      <Choice
        name="status"
        label={m["requests.status"]}
        options={STATUSES.map((one) => [one, m[`status.${one}`]] as const)}
      />
      <Choice
        name="end"
        label={m["requests.end"]}
        options={ENDS.map((one) => [one, m[`end.${one}`]] as const)}
      />
      <Choice
        name="reason"
        label={m["requests.reason"]}
        options={REASONS.map((one) => [one, m[`reason.${one}`]] as const)}
      />
      <ModelFilter names={[...new Set(channels.flatMap(servedModels))].sort()} />
      <Choice name="channel" label={m["routing.channel"]} options={named(channels)} />
      <Choice name="key" label={m["usage.key"]} options={named(keys)} />
      <Choice
        name="time"
        label={m["requests.time"]}
        options={TIMES.map((one) => [one, m[`time.last.${one}`]] as const)}
      />
      <TagFilter />
      <ClearFilters set={setOf(query.value)} none={none} />
    </fieldset>
  );
}

function ModelFilter({ names }: { names: readonly string[] }) {
  const label = t.value["usage.model"];
  const list = useId();
  const set = query.value["model"] ?? "";
  const typed = useSignal(set);
  useEffect(() => {
    typed.value = set;
  }, [set]);
  const apply = () => ask({ model: typed.value.trim() });
  return (
    <>
      <input
        class="select filters__one filters__model"
        aria-label={label}
        placeholder={t.value["requests.any"](label)}
        data-set={set !== ""}
        list={list}
        value={typed.value}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          // Picked from the list or emptied: meant as it is.
          if (typed.value === "" || names.includes(typed.value)) {
            apply();
          }
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            apply();
          }
        }}
        onBlur={apply}
      />
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
