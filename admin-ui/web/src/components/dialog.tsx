//! A modal dialog: the browser's own, which keeps the focus inside and gives it back. What is typed in it is not given up
//! without a question, however it is closed.
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useId, useRef } from "preact/hooks";
import { t } from "../i18n";
import { leaving, Scope, ScopeContext } from "../unsaved";
import { Icon } from "./icons";

interface DialogProps {
  title: string;
  /** Absent: it cannot be closed without an answer. */
  onClose?: () => void;
  wide?: boolean;
  children: ComponentChildren;
}

/** What a dialog is for: its first field, else its main action, else a way out. Never what deletes. */
const FIRST = [
  "input, select, textarea",
  ".button--primary:not(.button--danger)",
  ".actions .button:not(.button--danger)",
];

/** What has the focus when a dialog opens. */
function firstOf(dialog: HTMLElement | null): HTMLElement | undefined {
  for (const kind of FIRST) {
    const all = dialog?.querySelectorAll<HTMLElement>(kind) ?? [];
    const first = [...all].find((one) => !one.matches(":disabled") && one.checkVisibility());
    if (first !== undefined) {
      return first;
    }
  }
  return undefined;
}

const CloseContext = createContext<() => void>(() => undefined);

export function Dialog({ title, onClose, wide = false, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const outer = useContext(ScopeContext);
  const scope = useRef<Scope | null>(null);
  scope.current ??= new Scope(outer);
  const own = scope.current;
  const close = () => {
    if (onClose !== undefined) {
      leaving(own, onClose);
    }
  };
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    firstOf(element)?.focus();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog dialog--wide" : "dialog"}
      aria-labelledby={id}
      onKeyDown={(event) => {
        // Before the browser sees it: a second Escape closes a dialog whatever its `cancel` event says.
        if (event.key === "Escape") {
          event.preventDefault();
          event.stopPropagation();
          close();
        }
      }}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClose={(event) => {
        // The browser closed it, which it may at its second try: whether it goes is not its decision.
        if (event.currentTarget.isConnected) {
          event.currentTarget.showModal();
          close();
        }
      }}
    >
      <div class="dialog__head">
        <h2 id={id}>{title}</h2>
        {onClose !== undefined && (
          <button type="button" class="button button--bare" onClick={close}>
            <Icon name="close" />
            <span class="visually-hidden">{t.value["app.close"]}</span>
          </button>
        )}
      </div>
      <ScopeContext.Provider value={own}>
        <CloseContext.Provider value={close}>{children}</CloseContext.Provider>
      </ScopeContext.Provider>
    </dialog>
  );
}

/** A button in a dialog that closes it, as Escape does. */
export function CloseButton({ text }: { text?: string }) {
  const close = useContext(CloseContext);
  return (
    <button type="button" class="button" onClick={close}>
      {text ?? t.value["app.cancel"]}
    </button>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  action: string;
  busy: boolean;
  problem: string | null;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks once before something that cannot be undone. */
export function Confirm({ title, text, action, busy, problem, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      {problem !== null && (
        <p class="field__error" role="alert">
          {problem}
        </p>
      )}
      <div class="actions actions--end">
        <CloseButton />
        <button
          type="button"
          class="button button--danger"
          aria-disabled={busy}
          onClick={() => busy || onConfirm()}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
