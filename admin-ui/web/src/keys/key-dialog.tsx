//! A client key, new or stored, as a form in a dialog. What is typed stays until the gateway has it.
import { type Signal, useSignal } from "@preact/signals";
import { changeKey, createKey } from "../api/client";
import { type Failure, fieldProblems } from "../api/failure";
import { LIMITS, type LimitName } from "../api/ledger";
import type { ClientKey, CreatedKey } from "../api/types";
import { numberOf } from "../channels/draft";
import { Dialog } from "../components/dialog";
import { ListEditor } from "../components/editors";
import { TextField } from "../components/fields";
import { FailureNotice } from "../components/notice";
import { t } from "../i18n";
import { dollarsOf, microOf } from "../settings/prices";

interface KeyDialogProps {
  /** `null`: a new one. */
  of: ClientKey | null;
  onClose: () => void;
  /** With the whole key if it is new. */
  onSaved: (created: CreatedKey | null) => void;
}

/** Typed in dollars. */
export function isBudget(limit: LimitName): boolean {
  return limit.endsWith("micro_usd");
}

/** A time of the API as the browser's field for local times wants it. */
export function localTime(rfc3339: string | null): string {
  const time = rfc3339 === null ? Number.NaN : Date.parse(rfc3339);
  if (Number.isNaN(time)) {
    return "";
  }
  const offset = new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offset).toISOString().slice(0, 16);
}

export function KeyDialog({ of, onClose, onSaved }: KeyDialogProps) {
  const m = t.value;
  const name = useSignal(of?.name ?? "");
  const models = useSignal(of?.models ?? []);
  const expires = useSignal(localTime(of?.expires_at ?? null));
  const limits = useSignal(
    LIMITS.map((limit) => {
      const value = of?.limits[limit] ?? null;
      return value === null ? "" : isBudget(limit) ? dollarsOf(value) : String(value);
    }),
  );
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const problems = fieldProblems(failure.value);

  async function save(event: Event) {
    event.preventDefault();
    if (busy.value) {
      return;
    }
    busy.value = true;
    failure.value = null;
    const body = {
      name: name.value.trim(),
      models: models.value,
      expires_at: expires.value === "" ? null : new Date(expires.value).toISOString(),
      limits: Object.fromEntries(
        LIMITS.map((limit, index) => {
          const typed = limits.value[index] ?? "";
          return [
            limit,
            typed.trim() === "" ? null : isBudget(limit) ? microOf(typed) : numberOf(typed),
          ];
        }),
      ),
    };
    const result = await (of === null ? createKey(body) : changeKey(of.id, body));
    busy.value = false;
    if (result.ok) {
      onSaved("key" in result.value ? result.value : null);
    } else {
      failure.value = result.failure;
    }
  }

  return (
    <Dialog title={of === null ? m["clients.newTitle"] : m["clients.editTitle"]} onClose={onClose}>
      <form class="form" onSubmit={save} noValidate>
        <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
        <TextField
          label={m["form.name"]}
          hint={m["clients.nameHint"]}
          required
          value={name.value}
          errors={problems["name"]}
          onChange={(value) => {
            name.value = value;
          }}
        />
        <ListEditor
          label={m["clients.models"]}
          hint={m["clients.modelsHint"]}
          values={models.value}
          errors={problems["models"]}
          onChange={(values) => {
            models.value = values;
          }}
        />
        <TextField
          label={m["clients.expires"]}
          hint={m["clients.expiresHint"]}
          type="datetime-local"
          value={expires.value}
          errors={problems["expires_at"]}
          onChange={(value) => {
            expires.value = value;
          }}
        />
        <LimitFields limits={limits} errors={problems["limits"]} />
        <div class="actions actions--end">
          <button type="button" class="button" onClick={onClose}>
            {m["app.cancel"]}
          </button>
          <button type="submit" class="button button--primary" aria-disabled={busy.value}>
            {busy.value ? m["form.saving"] : of === null ? m["clients.create"] : m["form.save"]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function LimitFields({
  limits,
  errors,
}: {
  /** In the order of `LIMITS`, as typed. */
  limits: Signal<string[]>;
  errors: string[] | undefined;
}) {
  const m = t.value;
  return (
    <>
      <div class="columns columns--limits">
        {LIMITS.map((limit, index) => (
          <TextField
            key={limit}
            label={m[`limit.${limit}`]}
            type="number"
            value={limits.value[index] ?? ""}
            errors={errors?.filter((one) => one.includes(limit))}
            onChange={(value) => {
              limits.value = limits.value.with(index, value);
            }}
          />
        ))}
      </div>
      <p class="field__hint">
        {m["clients.limitsHint"]} {m["limit.budgetHint"]}
      </p>
    </>
  );
}
