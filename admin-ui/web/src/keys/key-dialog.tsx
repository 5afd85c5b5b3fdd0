//! A client key, new or stored, as a form in a dialog. What is typed stays until the gateway has it.
import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { changeKey, createKey, showKey } from "../api/client";
import type { Failure } from "../api/failure";
import { LIMITS, type LimitName } from "../api/ledger";
import type { ClientKey, CreatedKey } from "../api/types";
import { numberOf } from "../channels/number-settings";
import { CloseButton, Dialog } from "../components/dialog";
import { ListEditor } from "../components/editors";
import { TextField } from "../components/fields";
import { FailureNotice } from "../components/notice";
import { Unsaved } from "../components/unsaved";
import { type Body, differences } from "../conflict/changes";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { type Now, now } from "../conflict/stale";
import { t } from "../i18n";
import { fieldProblems } from "../i18n/problems";
import { dollarsOf, microOf } from "../settings/prices";
import { isSame } from "../unsaved";
import { flat, keyChange, seenKey } from "./change";

interface KeyDialogProps {
  /** `null`: a new one. */
  of: ClientKey | null;
  onClose: () => void;
  /** With the whole key if it is new. */
  onSaved: (created: CreatedKey | null) => void;
  /** What was typed is given up for the key as it is now. */
  onReload: (of: ClientKey) => void;
}

/** The answer to a creation, which has the whole key. */
function createdOf(saved: ClientKey | CreatedKey): CreatedKey | null {
  return "key" in saved && typeof saved.key === "string" ? { ...saved, key: saved.key } : null;
}

/** Typed in dollars. */
export function isBudget(limit: LimitName): boolean {
  return limit.endsWith("micro_usd");
}

/** A time of the API as the browser's field for local times requires it. */
export function localTime(rfc3339: string | null): string {
  const time = rfc3339 === null ? Number.NaN : Date.parse(rfc3339);
  if (Number.isNaN(time)) {
    return "";
  }
  const offset = new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offset).toISOString().slice(0, 16);
}

/** The fields as they are typed. */
function useFields(of: ClientKey | null) {
  return {
    name: useSignal(of?.name ?? ""),
    tags: useSignal(of?.tags ?? []),
    models: useSignal(of?.models ?? []),
    expires: useSignal(localTime(of?.expires_at ?? null)),
    limits: useSignal(
      LIMITS.map((limit) => {
        const value = of?.limits[limit] ?? null;
        return value === null ? "" : isBudget(limit) ? dollarsOf(value) : String(value);
      }),
    ),
  };
}

type Fields = ReturnType<typeof useFields>;

/** What was typed, as `seenKey` has a stored key. */
function typedOf(of: ClientKey | null, { name, tags, models, expires, limits }: Fields): Body {
  // The field knows minutes only: what was not touched stays to the millisecond.
  const isSameTime = of !== null && expires.value === localTime(of.expires_at);
  const expires_at = expires.value === "" ? null : new Date(expires.value).toISOString();
  const typedLimit = (limit: LimitName, text: string) =>
    text.trim() === "" ? null : isBudget(limit) ? microOf(text) : numberOf(text);
  return {
    name: name.value.trim(),
    tags: tags.value,
    models: models.value,
    expires_at: isSameTime ? of.expires_at : expires_at,
    ...flat(
      Object.fromEntries(
        LIMITS.map((limit, index) => [limit, typedLimit(limit, limits.value[index] ?? "")]),
      ),
    ),
  };
}

export function KeyDialog({ of, onClose, onSaved, onReload }: KeyDialogProps) {
  const m = t.value;
  const fields = useFields(of);
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const met = useSignal<Now<ClientKey> | null>(null);

  async function save(revision: string | null) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    failure.value = null;
    const result = await (of === null
      ? createKey(keyChange({}, typed()))
      : changeKey(of.id, keyChange(seenKey(of), { ...seenKey(of), ...typed() }), revision));
    if (result.ok) {
      onSaved(createdOf(result.value));
      return;
    }
    const meanwhile = of === null ? result : await now(result.failure, () => showKey(of.id));
    busy.value = false;
    if (meanwhile.ok) {
      met.value = "theirs" in meanwhile.value ? meanwhile.value : null;
    } else {
      met.value = null;
      failure.value = meanwhile.failure;
    }
  }

  function typed(): Body {
    return typedOf(of, fields);
  }

  const asTyped = Object.values(fields).map(({ value }) => value);
  const began = useRef(asTyped).current;

  function reload() {
    const theirs = met.value?.theirs ?? null;
    if (theirs === null) {
      onSaved(null);
    } else {
      onReload(theirs);
    }
  }

  if (met.value !== null && of !== null) {
    const { theirs } = met.value;
    return (
      <ConflictDialog
        name={of.name}
        differences={
          theirs === null
            ? null
            : differences(seenKey(of), seenKey(theirs), { ...seenKey(of), ...typed() })
        }
        busy={busy.value}
        onReload={reload}
        onOverwrite={() => void save(theirs?.revision ?? null)}
        onClose={() => {
          met.value = null;
        }}
      />
    );
  }

  return (
    <Dialog title={of === null ? m["clients.newTitle"] : m["clients.editTitle"]} onClose={onClose}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void save(of?.revision ?? null);
        }}
        noValidate
      >
        <Unsaved when={!isSame(began, asTyped)} />
        <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
        <KeyFields
          fields={fields}
          problems={fieldProblems(failure.value)}
          limitProblems={fieldProblems(failure.value, "limits")}
        />
        <div class="actions actions--end">
          <CloseButton />
          <button type="submit" class="button button--primary" aria-disabled={busy.value}>
            {busy.value ? m["form.saving"] : of === null ? m["clients.create"] : m["form.save"]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface KeyFieldsProps {
  fields: Fields;
  problems: Record<string, string[]>;
  limitProblems: Record<string, string[]>;
}

function KeyFields({ fields, problems, limitProblems }: KeyFieldsProps) {
  const m = t.value;
  return (
    <>
      <TextField
        label={m["form.name"]}
        hint={m["clients.nameHint"]}
        required
        value={fields.name.value}
        errors={problems["name"]}
        onChange={(value) => {
          fields.name.value = value;
        }}
      />
      <ListEditor
        label={m["list.tags"]}
        hint={m["list.tagsHint"]}
        values={fields.tags.value}
        errors={problems["tags"]}
        onChange={(values) => {
          fields.tags.value = values;
        }}
      />
      <ListEditor
        label={m["clients.models"]}
        hint={m["clients.modelsHint"]}
        values={fields.models.value}
        errors={problems["models"]}
        onChange={(values) => {
          fields.models.value = values;
        }}
      />
      <TextField
        label={m["clients.expires"]}
        hint={m["clients.expiresHint"]}
        type="datetime-local"
        value={fields.expires.value}
        errors={problems["expires_at"]}
        onChange={(value) => {
          fields.expires.value = value;
        }}
      />
      <LimitFields limits={fields.limits} problems={limitProblems} />
    </>
  );
}

function LimitFields({
  limits,
  problems,
}: {
  /** In the order of `LIMITS`, as typed. */
  limits: Signal<string[]>;
  problems: Record<string, string[]>;
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
            errors={problems[limit]}
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
