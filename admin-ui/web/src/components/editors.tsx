//! Editors for lists and maps of short texts. They own what is half typed; the form owns the rest.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { t } from "../i18n";
import { Field } from "./fields";
import { Icon } from "./icons";
import { addedTo, namesFor, type Pair, pair } from "./pairs";
import { Unsaved } from "./unsaved";

interface ListEditorProps {
  label: string;
  hint?: string;
  placeholder?: string;
  values: string[];
  errors?: string[] | undefined;
  /** More ways to fill the list. */
  children?: ComponentChildren;
  onChange: (values: string[]) => void;
}

export function ListEditor(props: ListEditorProps) {
  const { label, hint, values, errors, placeholder, onChange, children } = props;
  const typed = useSignal("");
  function take(text: string) {
    onChange(addedTo(values, text));
    typed.value = "";
  }
  return (
    <Field label={label} errors={errors} {...(hint === undefined ? {} : { hint })}>
      {(ties) => (
        <div class="chips">
          <Unsaved when={typed.value.trim() !== ""} />
          {values.length > 0 && (
            <ul class="chips__list" aria-label={label}>
              {values.map((value) => (
                <li key={value} class="chip">
                  <code>{value}</code>
                  <button
                    type="button"
                    class="chip__remove"
                    onClick={() => onChange(values.filter((one) => one !== value))}
                  >
                    <Icon name="close" />
                    <span class="visually-hidden">{t.value["app.remove"](value)}</span>
                  </button>
                </li>
              ))}
            </ul>
          )}
          <div class="row">
            <input
              {...ties}
              class="input input--code"
              value={typed.value}
              placeholder={placeholder}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => {
                typed.value = event.currentTarget.value;
              }}
              onKeyDown={(event) => {
                if (event.key === "Enter" && !event.isComposing) {
                  event.preventDefault();
                  take(typed.value);
                } else if (event.key === "Backspace" && typed.value === "") {
                  onChange(values.slice(0, -1));
                }
              }}
              onPaste={(event) => {
                const pasted = event.clipboardData?.getData("text") ?? "";
                if (/[\s,;]/.test(pasted.trim())) {
                  event.preventDefault();
                  take(`${typed.value} ${pasted}`);
                }
              }}
              // What was typed and not confirmed is meant as well.
              onBlur={() => typed.value.trim() !== "" && take(typed.value)}
            />
            {children}
          </div>
        </div>
      )}
    </Field>
  );
}

interface MapEditorProps {
  label: string;
  hint?: string;
  nameLabel: string;
  valueLabel: string;
  /** The only names there are, each for one row; without them, any name. */
  names?: readonly string[];
  pairs: Pair[];
  errors?: string[] | undefined;
  onChange: (pairs: Pair[]) => void;
}

export function MapEditor(props: MapEditorProps) {
  const { label, hint, nameLabel, valueLabel, names, pairs, errors, onChange } = props;
  function edit(row: number, change: Partial<Pair>) {
    onChange(pairs.map((one) => (one.row === row ? { ...one, ...change } : one)));
  }
  return (
    <Field label={label} errors={errors} group {...(hint === undefined ? {} : { hint })}>
      {() => (
        <div class="pairs">
          {pairs.map(({ row, name, value }) => (
            <div class="pairs__row" key={row}>
              {names === undefined ? (
                <input
                  class="input input--code"
                  aria-label={nameLabel}
                  placeholder={nameLabel}
                  value={name}
                  spellcheck={false}
                  onInput={(event) => edit(row, { name: event.currentTarget.value })}
                />
              ) : (
                <select
                  class="input input--code"
                  aria-label={nameLabel}
                  value={name}
                  onChange={(event) => edit(row, { name: event.currentTarget.value })}
                >
                  {["", ...namesFor(name, names, pairs)].map((one) => (
                    <option key={one} value={one}>
                      {one === "" ? nameLabel : one}
                    </option>
                  ))}
                </select>
              )}
              <Icon name="arrow" />
              <input
                class="input input--code"
                aria-label={valueLabel}
                placeholder={valueLabel}
                value={value}
                spellcheck={false}
                onInput={(event) => edit(row, { value: event.currentTarget.value })}
              />
              <button
                type="button"
                class="button button--bare"
                onClick={() => onChange(pairs.filter((one) => one.row !== row))}
              >
                <Icon name="close" />
                <span class="visually-hidden">{t.value["app.remove"](name)}</span>
              </button>
            </div>
          ))}
          <button
            type="button"
            class="button button--small"
            onClick={() => onChange([...pairs, pair("", "")])}
          >
            <Icon name="add" />
            {t.value["app.addRow"]}
          </button>
        </div>
      )}
    </Field>
  );
}
