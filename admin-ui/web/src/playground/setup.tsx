//! What the conversation is held with: the key, the models side by side, and what is asked of them.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { clientModels } from "../api/chat";
import { Field, TextField } from "../components/fields";
import { Icon } from "../components/icons";
import { failureText } from "../components/notice";
import { t } from "../i18n/play";
import { isPreparing, replaceKey, withOwnKey } from "./key";
import { unlistedModels } from "./offered";
import { ParametersForm } from "./parameters-form";
import { clientKey, MOST_MODELS, models, system } from "./state";
import { ToolsEditor } from "./tools-editor";

/** A key is typed or pasted; the list of models is requested when typing pauses. */
const SETTLE_MS = 400;

export function Setup() {
  const m = t.value;
  const offered = useSignal<string[]>([]);
  const problem = useSignal<string | null>(null);
  /** Whether there is no list of models at all: then one has to be typed. */
  const isUnlisted = useSignal(false);

  useEffect(() => {
    const key = clientKey.value.trim();
    const given = new AbortController();
    problem.value = null;
    isUnlisted.value = false;
    const timer = setTimeout(
      async () => {
        const answer = await modelsFor(key, given.signal);
        if (given.signal.aborted) {
          return;
        }
        if (!Array.isArray(answer)) {
          offered.value = [];
          problem.value = answer;
          return;
        }
        const names = answer.length > 0 ? answer : await unlistedModels();
        if (given.signal.aborted) {
          return;
        }
        offered.value = names;
        isUnlisted.value = names.length === 0;
        const [first = "", ...more] = models.value;
        models.value = [first === "" ? (names[0] ?? "") : first, ...more];
      },
      key === "" ? 0 : SETTLE_MS,
    );
    return () => {
      given.abort();
      clearTimeout(timer);
    };
  }, [clientKey.value]);

  return (
    <section class="card section play__setup" aria-label={m["play.setup"]}>
      <div class="stack stack--close">
        <TextField
          label={m["play.key"]}
          hint={m["play.keyHint"]}
          type="password"
          code
          value={clientKey.value}
          errors={problem.value === null ? undefined : [problem.value]}
          onChange={(value) => {
            clientKey.value = value;
          }}
        />
        {clientKey.value === "" && <OwnKey />}
      </div>
      <Models hint={isUnlisted.value ? m["play.noModels"] : undefined} />
      <datalist id="play-models">
        {offered.value.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Field label={m["play.system"]}>
        {(ties) => (
          <textarea
            {...ties}
            class="input"
            rows={3}
            value={system.value}
            onInput={(event) => {
              system.value = event.currentTarget.value;
            }}
          />
        )}
      </Field>
      <ParametersForm />
      <ToolsEditor />
    </section>
  );
}

/** The names, or why there are none. */
async function modelsFor(key: string, signal: AbortSignal): Promise<string[] | string> {
  const result =
    key === ""
      ? await withOwnKey(clientModels, (answer) => statusOf(answer) === 401, signal)
      : { answer: await clientModels(key) };
  if ("failure" in result) {
    return failureText(result.failure);
  }
  const { answer } = result;
  return Array.isArray(answer) ? answer : (answer?.message ?? t.value["error.network"]);
}

const statusOf = (answer: Awaited<ReturnType<typeof clientModels>>) =>
  answer === null || Array.isArray(answer) ? null : answer.status;

function OwnKey() {
  const m = t.value;
  const said = useSignal("");

  async function replace() {
    const failure = await replaceKey();
    said.value = failure === null ? m["play.replaced"] : failureText(failure);
  }

  return (
    <div class="actions">
      <button
        type="button"
        class="button button--small"
        title={m["play.replaceHint"]}
        aria-disabled={isPreparing.value}
        onClick={() => isPreparing.value || replace()}
      >
        <Icon name="reload" />
        {m["play.replace"]}
      </button>
      <span class="field__hint" role="status">
        {isPreparing.value ? m["play.preparing"] : said.value}
      </span>
    </div>
  );
}

/** `hint`: what to type where there is nothing to choose from. */
function Models({ hint }: { hint: string | undefined }) {
  const m = t.value;
  const name = (lane: number) => (lane === 0 ? m["form.model"] : m["play.modelAt"](lane + 1));
  return (
    <div class="stack stack--close">
      {models.value.map((value, lane) => (
        // Its place is what a model is: the conversation goes on with another one in it.
        <div class="row row--end" key={lane}>
          <TextField
            label={name(lane)}
            code
            list="play-models"
            value={value}
            hint={lane === 0 ? hint : undefined}
            onChange={(next) => {
              models.value = models.value.with(lane, next);
            }}
          />
          {lane > 0 && (
            <button
              type="button"
              class="button button--bare"
              onClick={() => {
                models.value = models.value.toSpliced(lane, 1);
              }}
            >
              <Icon name="close" />
              <span class="visually-hidden">{m["app.remove"](name(lane))}</span>
            </button>
          )}
        </div>
      ))}
      {models.value.length < MOST_MODELS && (
        <div class="actions">
          <button
            type="button"
            class="button button--small"
            onClick={() => {
              models.value = [...models.value, ""];
            }}
          >
            <Icon name="add" />
            {m["play.addModel"]}
          </button>
        </div>
      )}
    </div>
  );
}
