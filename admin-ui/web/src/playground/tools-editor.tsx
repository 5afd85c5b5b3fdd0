//! The tools of the request, as JSON, and what is wrong with it.
import { Field } from "../components/fields";
import { type PlayMessages, t } from "../i18n/play";
import { Folded } from "./folded";
import { toolsText } from "./state";
import { EXAMPLE, readTools, type ToolsProblem } from "./tools";

export function ToolsEditor() {
  const m = t.value;
  const { tools, problem } = readTools(toolsText.value);
  const count = tools?.length ?? 0;
  return (
    <Folded title={m["play.tools"]} note={count === 0 ? "" : m["play.set"](count)}>
      <Field
        label={m["play.toolsLabel"]}
        hint={m["play.toolsHint"]}
        errors={problem === null ? undefined : [problemText(m, problem)]}
      >
        {(ties) => (
          <textarea
            {...ties}
            class="input input--code"
            rows={toolsText.value === "" ? 4 : 12}
            spellcheck={false}
            value={toolsText.value}
            onInput={(event) => {
              toolsText.value = event.currentTarget.value;
            }}
          />
        )}
      </Field>
      {toolsText.value.trim() === "" && (
        <div class="actions">
          <button
            type="button"
            class="button button--small"
            onClick={() => {
              toolsText.value = EXAMPLE;
            }}
          >
            {m["play.toolsExample"]}
          </button>
        </div>
      )}
    </Folded>
  );
}

function problemText(m: PlayMessages, problem: ToolsProblem): string {
  switch (problem.kind) {
    case "json":
      return m["play.toolsJson"](problem.message);
    case "list":
      return m["play.toolsList"];
    case "type":
      return m["play.toolsType"](problem.at);
    case "name":
      return m["play.toolsName"](problem.at);
    case "parameters":
      return m["play.toolsParameters"](problem.at);
    case "twice":
      return m["play.toolsTwice"](problem.name);
  }
}
