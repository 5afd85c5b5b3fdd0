//! Where messages are sent: an editor for each destination, with its test and how the last message ended.
import { useSignal } from "@preact/signals";
import { testDestination } from "../api/client";
import type { Alerts } from "../api/types";
import { SelectField, Switch, TextField } from "../components/fields";
import { Icon } from "../components/icons";
import { failureText } from "../components/notice";
import { formatCount, formatTime, t } from "../i18n";
import { denied } from "../session/roles";
import {
  KINDS,
  type Kind,
  newDestination,
  secretUse,
  sentDestination,
  type TypedDestination,
} from "./draft";

const TELEGRAM_URL = "https://api.telegram.org/bot<token>";
/** Names that are the same in every language. */
const BRANDS = { slack: "Slack", discord: "Discord", telegram: "Telegram", ntfy: "ntfy" } as const;

function nameOf(kind: Kind): string {
  return kind === "slack" || kind === "discord" || kind === "telegram" || kind === "ntfy"
    ? BRANDS[kind]
    : t.value[`alerts.kind.${kind}`];
}

type Sent = Alerts["destinations"][number];

interface DestinationsProps {
  /** As the gateway has them. */
  now: Sent[];
  destinations: TypedDestination[];
  errors: string[] | undefined;
  onChange: (destinations: TypedDestination[]) => void;
}

export function Destinations(props: DestinationsProps) {
  const { now, destinations, errors, onChange } = props;
  const m = t.value;
  return (
    <section class="card section">
      <h2>{m["alerts.destinations"]}</h2>
      <p class="muted">{m["alerts.destinationsText"]}</p>
      {destinations.map((one, index) => (
        <Destination
          key={one.id ?? `new-${index}`}
          of={one}
          sent={now.find((known) => known.id === one.id) ?? null}
          onChange={(change) => onChange(destinations.with(index, { ...one, ...change }))}
          onRemove={() => onChange(destinations.filter((other) => other !== one))}
        />
      ))}
      {errors !== undefined && (
        <p class="field__error" role="alert">
          {errors.join("; ")}
        </p>
      )}
      <div class="actions">
        <button
          type="button"
          class="button button--small"
          {...denied()}
          onClick={() => onChange([...destinations, newDestination(m["alerts.newName"])])}
        >
          <Icon name="add" />
          {m["alerts.add"]}
        </button>
      </div>
    </section>
  );
}

interface DestinationProps {
  of: TypedDestination;
  sent: Sent | null;
  onChange: (change: Partial<TypedDestination>) => void;
  onRemove: () => void;
}

function Destination({ of, sent, onChange, onRemove }: DestinationProps) {
  const m = t.value;
  const use = secretUse(of.kind);
  const urlHint =
    of.id !== null
      ? m["alerts.urlKept"](of.hint)
      : of.kind === "telegram"
        ? TELEGRAM_URL
        : undefined;
  return (
    <fieldset class="field">
      <legend class="field__label">
        <strong>{m["alerts.destination"](of.name)}</strong>
      </legend>
      <div class="columns">
        <TextField
          label={m["alerts.name"]}
          value={of.name}
          onChange={(name) => onChange({ name })}
        />
        <SelectField
          label={m["alerts.kind"]}
          value={of.kind}
          options={KINDS.map((kind) => [kind, nameOf(kind)] as const)}
          onChange={(kind) => onChange({ kind })}
        />
        <TextField
          label={m["alerts.url"]}
          type="password"
          code
          value={of.url}
          {...(urlHint === undefined ? {} : { hint: urlHint })}
          onChange={(url) => onChange({ url })}
        />
        {use !== null && (
          <TextField
            label={m[`alerts.secret.${use}`]}
            type="password"
            code
            value={of.secret}
            hint={of.hasSecret ? m["alerts.secretKept"] : m["alerts.secretNone"]}
            onChange={(secret) => onChange({ secret })}
          />
        )}
        {of.kind === "telegram" && (
          <TextField
            label={m["alerts.recipient"]}
            code
            value={of.recipient}
            onChange={(recipient) => onChange({ recipient })}
          />
        )}
      </div>
      <div class="actions">
        <Switch
          label={m["alerts.enabled"]}
          checked={of.enabled}
          onChange={(enabled) => onChange({ enabled })}
        />
        <TestButton of={of} />
        {use !== null && of.hasSecret && (
          <button
            type="button"
            class="button button--small"
            {...denied()}
            onClick={() => onChange({ hasSecret: false, secret: "" })}
          >
            {m["alerts.secretRemove"]}
          </button>
        )}
        <button
          type="button"
          class="button button--small"
          aria-label={m["app.remove"](of.name)}
          {...denied()}
          onClick={onRemove}
        >
          <Icon name="remove" />
        </button>
      </div>
      {sent !== null && sent.sent_at !== null && <LastMessage of={sent} at={sent.sent_at} />}
    </fieldset>
  );
}

function LastMessage({ of, at }: { of: Sent; at: string }) {
  const m = t.value;
  const result =
    of.error === null ? m["alerts.sent"](formatTime(at)) : m["alerts.notSent"](of.error);
  return (
    <p class="field__hint">
      {result}
      {of.is_waiting && ` · ${m["alerts.waiting"]}`}
    </p>
  );
}

/** Tests what is typed, saved or not. */
function TestButton({ of }: { of: TypedDestination }) {
  const m = t.value;
  const busy = useSignal(false);
  const result = useSignal<string | null>(null);

  async function test() {
    if (busy.value) {
      return;
    }
    busy.value = true;
    result.value = null;
    const answer = await testDestination(sentDestination(of));
    busy.value = false;
    if (!answer.ok) {
      result.value = failureText(answer.failure);
    } else if (answer.value.ok) {
      result.value = m["alerts.testPassed"](formatCount(answer.value.latency_ms));
    } else {
      result.value = m["alerts.testFailed"](answer.value.error ?? "");
    }
  }

  return (
    <>
      <button
        type="button"
        class="button button--small"
        aria-disabled={busy.value}
        {...denied()}
        onClick={() => void test()}
      >
        <Icon name="send" />
        {m["alerts.test"]}
      </button>
      <span role="status">{result.value}</span>
    </>
  );
}
