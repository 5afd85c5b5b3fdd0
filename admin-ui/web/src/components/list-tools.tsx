//! What all long lists have: a search, the tag they are limited to, and columns by which they are sorted. All of it is in
//! the address, so that a view can be linked to; the gateway does the work.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { ask, query } from "../router";
import { searchedFor } from "../whole-keys";
import { LimitedTo } from "./filters";
import { Icon } from "./icons";

/** From the last key until the search begins. */
const PAUSE_MS = 200;

function asked(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (query.value[name] ? [[name, query.value[name]]] : [])),
  );
}

/** What a list is limited to, under the API's names; `more`: the filters that only this list has. */
export const searchQuestion = (...more: string[]) => asked("q", "tag", ...more);
/** The same with what it is sorted by. */
export const listQuestion = (...more: string[]) => asked("q", "tag", "sort", "order", ...more);

export function SearchBox() {
  const set = query.value["q"] ?? "";
  const typed = useSignal(set);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // What is being typed is newer than the address, which follows it.
    if (document.activeElement !== field.current) {
      typed.value = set;
    }
  }, [set]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <input
      ref={field}
      type="search"
      class="select filters__one search"
      aria-label={t.value["list.search"]}
      placeholder={t.value["list.search"]}
      maxLength={200}
      value={typed.value}
      autocomplete="off"
      spellcheck={false}
      data-set={set !== ""}
      onInput={(event) => {
        const { value } = event.currentTarget;
        typed.value = value;
        clearTimeout(timer.current);
        timer.current = setTimeout(() => {
          // A whole key is searched for by its hint, and is seen so.
          const searched = searchedFor(value);
          typed.value = searched;
          ask({ q: searched.trim() });
        }, PAUSE_MS);
      }}
    />
  );
}

/** The tag that the list is limited to, with the way back. */
export const TagFilter = () => <LimitedTo name="tag" label={t.value["usage.tag"]} />;

/** An object's tags; each limits the list to those that have it. */
export function Tags({ of }: { of: readonly string[] }) {
  if (of.length === 0) {
    return null;
  }
  return (
    <span class="tags">
      {of.map((tag) => (
        <button
          key={tag}
          type="button"
          class="tag tags__one"
          title={t.value["list.onlyTag"](tag)}
          onClick={() => ask({ tag })}
        >
          {tag}
        </button>
      ))}
    </span>
  );
}

interface SortProps {
  name: string;
  text: string;
  /** The direction of the first click. */
  first?: "asc" | "desc";
  isNumber?: boolean;
}

/** The head of a column by which the list can be sorted: one click for each direction, and one for neither. */
export function SortHead({ name, text, first = "asc", isNumber = false }: SortProps) {
  const order =
    query.value["sort"] === name ? (query.value["order"] === "desc" ? "desc" : "asc") : null;
  const other = first === "asc" ? "desc" : "asc";
  const next = order === null ? first : order === first ? other : null;
  return (
    <th
      scope="col"
      role="columnheader"
      class={isNumber ? "number" : ""}
      aria-sort={order === null ? "none" : order === "asc" ? "ascending" : "descending"}
    >
      <button
        type="button"
        class="sort"
        data-order={order ?? "none"}
        onClick={() => ask({ sort: next === null ? "" : name, order: next ?? "" })}
      >
        {text}
        <Icon name="down" />
      </button>
    </th>
  );
}
