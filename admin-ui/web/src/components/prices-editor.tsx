//! The editor of a price table: one model a row, in dollars per million tokens.
import { t } from "../i18n";
import { type PriceRow, priceRow } from "../settings/prices";
import { Icon } from "./icons";

interface PricesEditorProps {
  label: string;
  rows: readonly PriceRow[];
  errors?: string[] | undefined;
  onChange: (rows: PriceRow[]) => void;
}

const COLUMNS = ["prompt", "cached", "completion"] as const;

export function PricesEditor({ label, rows, errors, onChange }: PricesEditorProps) {
  const m = t.value;
  const isWrong = errors !== undefined && errors.length > 0;
  function edit(row: number, change: Partial<PriceRow>) {
    onChange(rows.map((one) => (one.row === row ? { ...one, ...change } : one)));
  }
  return (
    <fieldset class="prices" {...(isWrong ? { "data-invalid": "true" } : {})}>
      <legend class="visually-hidden">{label}</legend>
      {rows.length > 0 && (
        <div class="prices__row prices__head" aria-hidden="true">
          <span>{m["prices.model"]}</span>
          {COLUMNS.map((column) => (
            <span key={column} class="prices__amount">
              {m[`prices.${column}`]}
            </span>
          ))}
        </div>
      )}
      {rows.map((one) => (
        <div class="prices__row" key={one.row}>
          <input
            class="input input--code"
            aria-label={m["prices.model"]}
            placeholder={m["prices.model"]}
            value={one.model}
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => edit(one.row, { model: event.currentTarget.value })}
          />
          {COLUMNS.map((column) => (
            <div key={column} class="amount">
              <span class="amount__name" aria-hidden="true">
                {m[`prices.${column}`]}
              </span>
              <span class="amount__unit" aria-hidden="true">
                $
              </span>
              <input
                class="input amount__input"
                aria-label={m[`prices.${column}`]}
                inputMode="decimal"
                placeholder={column === "cached" ? m["prices.cachedHint"] : "0"}
                value={one[column]}
                autocomplete="off"
                onInput={(event) => edit(one.row, { [column]: event.currentTarget.value })}
              />
            </div>
          ))}
          <button
            type="button"
            class="button button--bare"
            onClick={() => onChange(rows.filter(({ row }) => row !== one.row))}
          >
            <Icon name="close" />
            <span class="visually-hidden">{m["app.remove"](one.model)}</span>
          </button>
        </div>
      ))}
      {isWrong && (
        <p class="field__error" role="alert">
          {errors.join("; ")}
        </p>
      )}
      <button
        type="button"
        class="button button--small"
        onClick={() => onChange([...rows, priceRow()])}
      >
        <Icon name="add" />
        {m["prices.add"]}
      </button>
    </fieldset>
  );
}
