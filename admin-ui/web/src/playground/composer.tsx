//! Where a message is written: text, and images that are pasted, dropped or chosen.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Icon } from "../components/icons";
import { t } from "../i18n/play";
import { type ImageProblem, KINDS, readImages } from "./images";
import { areValid } from "./parameters";
import { ask, draft, images, isRunning, models, parameters, stop, toolsText } from "./state";
import { Thumbnails } from "./thumbnails";
import { readTools } from "./tools";

export function Composer() {
  const m = t.value;
  const problem = useSignal<string | null>(null);
  const isOver = useSignal(false);

  function send(event: Event) {
    event.preventDefault();
    const text = draft.value;
    const isEmpty = text.trim() === "" && images.value.length === 0;
    if (isRunning.value) {
      return;
    }
    problem.value = models.value.every((name) => name.trim() === "")
      ? m["play.needModel"]
      : areValid(parameters.value) && readTools(toolsText.value).problem === null
        ? null
        : m["play.needValid"];
    if (problem.value === null && !isEmpty) {
      void ask({ kind: "message", text, images: images.value });
      draft.value = "";
      images.value = [];
    }
  }

  async function add(files: FileList | null | undefined) {
    const read = await readImages([...(files ?? [])], images.value.length);
    images.value = [...images.value, ...read.images];
    problem.value = read.problem === null ? null : m[PROBLEMS[read.problem]];
  }

  return (
    <form
      class="composer"
      data-over={isOver.value}
      onSubmit={send}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes("Files")) {
          event.preventDefault();
          isOver.value = true;
        }
      }}
      onDragLeave={() => {
        isOver.value = false;
      }}
      onDrop={(event) => {
        if (event.dataTransfer?.types.includes("Files")) {
          event.preventDefault();
          isOver.value = false;
          void add(event.dataTransfer.files);
        }
      }}
    >
      <Thumbnails
        of={images.value}
        onRemove={(at) => {
          images.value = images.value.toSpliced(at, 1);
        }}
      />
      <textarea
        class="input"
        rows={2}
        aria-label={m["play.message"]}
        placeholder={m["play.placeholder"]}
        value={draft.value}
        onInput={(event) => {
          draft.value = event.currentTarget.value;
        }}
        onPaste={(event) => {
          const files = event.clipboardData?.files;
          if (files !== undefined && files.length > 0) {
            event.preventDefault();
            void add(files);
          }
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            send(event);
          }
        }}
      />
      <div class="composer__buttons">
        <ImageButton onFiles={add} />
        <SendButton />
      </div>
      {problem.value !== null && (
        <p class="field__error" role="alert">
          {problem.value}
        </p>
      )}
    </form>
  );
}

const PROBLEMS = {
  kind: "play.imageKind",
  size: "play.imageSize",
  count: "play.imageCount",
  unreadable: "play.imageUnreadable",
} as const satisfies Record<ImageProblem, string>;

function ImageButton({ onFiles }: { onFiles: (files: FileList | null) => Promise<void> }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="button" onClick={() => input.current?.click()}>
        <Icon name="image" />
        <span class="visually-hidden">{t.value["play.addImage"]}</span>
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={KINDS.join(",")}
        onChange={async (event) => {
          const chosen = event.currentTarget;
          await onFiles(chosen.files);
          // The same file can be chosen again.
          chosen.value = "";
        }}
      />
    </>
  );
}

/** Two buttons, not one that changes its colours. */
function SendButton() {
  const m = t.value;
  return isRunning.value ? (
    <button key="stop" type="button" class="button" onClick={stop}>
      <Icon name="stop" />
      {m["play.stop"]}
    </button>
  ) : (
    <button key="send" type="submit" class="button button--primary">
      <Icon name="send" />
      {m["play.send"]}
    </button>
  );
}
