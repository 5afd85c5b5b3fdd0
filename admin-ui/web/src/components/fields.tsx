//! Form fields: a label, a control, a hint and what is wrong, tied together for screen readers.
import type { ComponentChildren, InputHTMLAttributes, TargetedInputEvent } from "preact";
import { useId } from "preact/hooks";
import { denied } from "../session/roles";

/** What ties a control to its texts. */
export interface Ties {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  errors?: string[] | undefined;
  /** A group of controls in place of a single one. */
  group?: boolean;
  children: (ties: Ties) => ComponentChildren;
}

export function Field({ label, hint, errors, group = false, children }: FieldProps) {
  const id = useId();
  const isWrong = errors !== undefined && errors.length > 0;
  const described = [hint === undefined ? "" : `${id}-hint`, isWrong ? `${id}-error` : ""]
    .filter((one) => one !== "")
    .join(" ");
  const ties: Ties = {
    id,
    ...(described === "" ? {} : { "aria-describedby": described }),
    ...(isWrong ? { "aria-invalid": true } : {}),
  };
  const inside = (
    <>
      {children(ties)}
      {hint !== undefined && (
        <p class="field__hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {isWrong && (
        <p class="field__error" id={`${id}-error`}>
          {errors.join("; ")}
        </p>
      )}
    </>
  );
  if (group) {
    return (
      <fieldset class="field" {...(isWrong ? { "data-invalid": "true" } : {})}>
        <legend class="field__label">{label}</legend>
        {inside}
      </fieldset>
    );
  }
  return (
    <div class="field" {...(isWrong ? { "data-invalid": "true" } : {})}>
      <label class="field__label" for={id}>
        {label}
      </label>
      {inside}
    </div>
  );
}

interface TextFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ComponentChildren;
  errors?: string[] | undefined;
  /** `number`: stays text until the gateway judges it, so that "1e3" and "" are kept as typed. */
  type?: "text" | "url" | "number" | "password" | "datetime-local";
  code?: boolean;
  required?: boolean;
  list?: string;
  autocomplete?: "off" | "username" | "current-password" | "new-password" | "one-time-code";
  /** Takes the focus when it appears. */
  focused?: boolean;
}

export function TextField(props: TextFieldProps) {
  const { label, hint, errors } = props;
  return (
    <Field label={label} errors={errors} {...(hint === undefined ? {} : { hint })}>
      {(ties) => <input {...ties} {...inputOf(props)} />}
    </Field>
  );
}

function inputOf(props: TextFieldProps): InputHTMLAttributes<HTMLInputElement> {
  const { type = "text", code = false } = props;
  const attributes = {
    class: code ? "input input--code" : "input",
    type: type === "number" ? "text" : type,
    inputMode: type === "number" ? "numeric" : undefined,
    value: props.value,
    required: props.required,
    list: props.list,
    autocomplete: props.autocomplete ?? "off",
    ...(props.focused === true ? { ref: takeFocus } : {}),
    spellcheck: false,
    onInput: (event: TargetedInputEvent<HTMLInputElement>) =>
      props.onChange(event.currentTarget.value),
  };
  // Preact's type requires a literal `type`; every one of ours is such.
  return attributes as InputHTMLAttributes<HTMLInputElement>;
}

function takeFocus(element: HTMLInputElement | null): void {
  element?.focus();
}

interface FileFieldProps {
  label: string;
  hint?: string;
  /** Why the file cannot be used. */
  problem?: string | null;
  accept: string;
  onFile: (file: File | undefined) => void;
}

export function FileField({ label, hint, problem = null, accept, onFile }: FileFieldProps) {
  return (
    <Field
      label={label}
      errors={problem === null ? undefined : [problem]}
      {...(hint === undefined ? {} : { hint })}
    >
      {(ties) => (
        <input
          {...ties}
          type="file"
          class="file"
          {...denied()}
          accept={accept}
          onChange={(event) => onFile(event.currentTarget.files?.[0])}
        />
      )}
    </Field>
  );
}

interface SwitchProps {
  /** Read out; shown as well unless `quiet`. */
  label: string;
  checked: boolean;
  busy?: boolean;
  quiet?: boolean;
  /** Cannot be used, and why. */
  denied?: { disabled?: true; title?: string };
  onChange: (checked: boolean) => void;
}

export function Switch({
  label,
  checked,
  busy = false,
  quiet = false,
  denied,
  onChange,
}: SwitchProps) {
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={checked}
      aria-disabled={busy}
      {...denied}
      onClick={() => busy || onChange(!checked)}
    >
      <span class="switch__track" aria-hidden="true" />
      <span class={quiet ? "visually-hidden" : ""}>{label}</span>
    </button>
  );
}

interface SelectFieldProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [value: T, name: string])[];
  onChange: (value: T) => void;
  hint?: string;
  errors?: string[] | undefined;
}

export function SelectField<T extends string>(props: SelectFieldProps<T>) {
  const { label, value, options, onChange, hint, errors } = props;
  return (
    <Field label={label} errors={errors} {...(hint === undefined ? {} : { hint })}>
      {(ties) => (
        <select
          {...ties}
          class="input"
          value={value}
          onChange={(event) => {
            const chosen = options.find(([one]) => one === event.currentTarget.value);
            if (chosen !== undefined) {
              onChange(chosen[0]);
            }
          }}
        >
          {options.map(([one, name]) => (
            <option key={one} value={one}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
