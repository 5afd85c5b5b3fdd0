//! Opens a request by its id, which clients get as `x-request-id`.
import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { go } from "../router";
import { idIn } from "./address";

export function FindRequest() {
  const m = t.value;
  const typed = useSignal("");
  const isWrong = useSignal(false);
  return (
    <form
      class="find"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const id = idIn(typed.value);
        isWrong.value = id === null;
        if (id !== null) {
          go("requests", id);
        }
      }}
    >
      <input
        class="input find__id"
        aria-label={m["request.find"]}
        placeholder={m["request.findHint"]}
        value={typed.value}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={isWrong.value}
        {...(isWrong.value ? { "aria-describedby": "find-problem" } : {})}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          isWrong.value = false;
        }}
      />
      <button type="submit" class="button">
        {m["request.find"]}
      </button>
      {isWrong.value && (
        <p class="field__error find__problem" id="find-problem" role="alert">
          {m["request.findNone"]}
        </p>
      )}
    </form>
  );
}
