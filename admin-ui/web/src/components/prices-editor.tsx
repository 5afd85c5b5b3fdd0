//! The editor of a price table: one model a row, in dollars per million tokens. What few models have is folded away, and
//! so are imported prices, of which there may be hundreds.
import { useSignal } from "@preact/signals";
import { formatCount, t } from "../i18n";
import {
  type AmountName,
  MAIN_PRICES,
  OTHER_PRICES,
  type PriceRow,
  priceRow,
  UNIT_PRICES,
} from "../settings/prices";
import { Icon } from "./icons";

interface PricesEditorProps {
  label: string;
  rows: readonly PriceRow[];
  errors?: string[] | undefined;
  onChange: (rows: PriceRow[]) => void;
}

export function PricesEditor({ label, rows, errors, onChange }: PricesEditorProps) {
  const m = t.value;
  const isOpen = useSignal(false);
  const isWrong = errors !== undefined && errors.length > 0;
  // A row keeps its place while it is edited, also when that makes it a price of one's own.
  const imported = useSignal(
    new Set(rows.filter((one) => one.source !== null).map(({ row }) => row)),
  );
  const own = rows.filter(({ row }) => !imported.value.has(row));
  const others = rows.filter(({ row }) => imported.value.has(row));
  const one = (price: PriceRow) => (
    <Row
      key={price.row}
      price={price}
      onChange={(change) =>
        onChange(
          rows.map((other) =>
            other.row === price.row ? { ...other, ...change, source: null } : other,
          ),
        )
      }
      onRemove={() => onChange(rows.filter(({ row }) => row !== price.row))}
    />
  );
  return (
    <fieldset class="prices" {...(isWrong ? { "data-invalid": "true" } : {})}>
      <legend class="visually-hidden">{label}</legend>
      {own.length > 0 && <Head />}
      {own.map(one)}
      {others.length > 0 && (
        <details
          class="prices__more"
          onToggle={(event) => {
            isOpen.value = event.currentTarget.open;
          }}
        >
          <summary>{m["prices.imported"](formatCount(others.length))}</summary>
          <p class="field__hint">{m["prices.importedText"]}</p>
          {isOpen.value && others.map(one)}
        </details>
      )}
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

function Head() {
  const m = t.value;
  return (
    <div class="prices__row prices__head" aria-hidden="true">
      <span>{m["prices.model"]}</span>
      {MAIN_PRICES.map((column) => (
        <span key={column} class="prices__amount">
          {m[`prices.${column}`]}
        </span>
      ))}
    </div>
  );
}

interface RowProps {
  price: PriceRow;
  onChange: (change: Partial<PriceRow>) => void;
  onRemove: () => void;
}

function Row({ price, onChange, onRemove }: RowProps) {
  const m = t.value;
  const amount = (name: AmountName, hint: string) => (
    <Amount
      key={name}
      name={m[`prices.${name}`]}
      hint={hint}
      value={price[name]}
      onChange={(value) => onChange({ [name]: value })}
    />
  );
  return (
    <>
      <div class="prices__row">
        <input
          class="input input--code"
          aria-label={m["prices.model"]}
          placeholder={m["prices.model"]}
          value={price.model}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => onChange({ model: event.currentTarget.value })}
        />
        {MAIN_PRICES.map((name) => amount(name, name === "cached" ? m["prices.cachedHint"] : "0"))}
        <button type="button" class="button button--bare" onClick={onRemove}>
          <Icon name="close" />
          <span class="visually-hidden">{m["app.remove"](price.model)}</span>
        </button>
      </div>
      <details class="prices__more">
        <summary>
          {m["prices.more"]}
          {price.source !== null && <span class="tag">{price.source}</span>}
        </summary>
        <div class="columns columns--three">
          {OTHER_PRICES.map((name) => amount(name, m[`prices.${name}Hint`]))}
          {UNIT_PRICES.map((name) => amount(name, "0"))}
        </div>
        <Tiers price={price} />
      </details>
    </>
  );
}

interface AmountProps {
  name: string;
  hint: string;
  value: string;
  onChange: (value: string) => void;
}

function Amount({ name, hint, value, onChange }: AmountProps) {
  return (
    <div class="amount">
      <span class="amount__name" aria-hidden="true">
        {name}
      </span>
      <span class="amount__unit" aria-hidden="true">
        $
      </span>
      <input
        class="input amount__input"
        aria-label={name}
        inputMode="decimal"
        placeholder={hint}
        value={value}
        autocomplete="off"
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </div>
  );
}

/** Prices of long prompts and service tiers, which are set by imports or as JSON. */
function Tiers({ price }: { price: PriceRow }) {
  const m = t.value;
  const served = Object.entries(price.service_tiers ?? {}).filter(([, tier]) => tier !== null);
  const lengths = price.tiers ?? [];
  if (lengths.length === 0 && served.length === 0) {
    return null;
  }
  const names = [
    ...lengths.map((tier) => m["prices.above"](formatCount(tier.above_prompt_tokens))),
    ...served.map(([name]) => name),
  ];
  return (
    <p class="field__hint">
      {m["prices.tiers"]} {names.join(", ")}
    </p>
  );
}
