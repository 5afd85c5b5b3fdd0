//! The form of what a request asks of a model beside its messages.
import { Field, SelectField, Switch, TextField } from "../components/fields";
import { t } from "../i18n/play";
import { Folded } from "./folded";
import {
  countOf,
  EFFORTS,
  isInRange,
  MOST_STOPS,
  type NumberName,
  type Parameters,
  RANGES,
  stopsOf,
} from "./parameters";
import { parameters } from "./state";

const change = (next: Partial<Parameters>) => {
  parameters.value = { ...parameters.value, ...next };
};

export function ParametersForm() {
  const m = t.value;
  const { effort, isStreamed } = parameters.value;
  const count = countOf(parameters.value);
  return (
    <Folded title={m["play.parameters"]} note={count === 0 ? "" : m["play.set"](count)}>
      <div class="play__pairs">
        <NumberField name="temperature" />
        <NumberField name="topP" />
        <NumberField name="maxTokens" />
        <NumberField name="seed" />
      </div>
      <SelectField
        label={m["play.effort"]}
        value={effort}
        options={EFFORTS.map((one) => [one, one === "" ? m["play.unset"] : one] as const)}
        onChange={(next) => change({ effort: next })}
      />
      <Stops />
      <Switch
        label={m["play.stream"]}
        checked={isStreamed}
        onChange={(next) => change({ isStreamed: next })}
      />
    </Folded>
  );
}

function NumberField({ name }: { name: NumberName }) {
  const m = t.value;
  const value = parameters.value[name];
  const [least, most, isWhole] = RANGES[name];
  const rule =
    isWhole && !Number.isSafeInteger(Number(value))
      ? m["play.whole"]
      : m["play.range"](String(least), String(most));
  return (
    <TextField
      label={m[`play.${name}`]}
      type="number"
      value={value}
      errors={isInRange(name, value) ? undefined : [rule]}
      onChange={(next) => change({ [name]: next })}
    />
  );
}

function Stops() {
  const m = t.value;
  const { stop } = parameters.value;
  const isTooLong = stopsOf(stop).length > MOST_STOPS;
  return (
    <Field
      label={m["play.stops"]}
      hint={m["play.stopsHint"]}
      errors={isTooLong ? [m["play.tooManyStops"]] : undefined}
    >
      {(ties) => (
        <textarea
          {...ties}
          class="input input--code"
          rows={2}
          spellcheck={false}
          value={stop}
          onInput={(event) => change({ stop: event.currentTarget.value })}
        />
      )}
    </Field>
  );
}
