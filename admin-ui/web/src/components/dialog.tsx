//! A modal dialog: the browser's own, which keeps the focus inside and gives it back.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./icons";

interface DialogProps {
  title: string;
  /** Absent: it cannot be closed without an answer. */
  onClose?: () => void;
  wide?: boolean;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, wide = false, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog dialog--wide" : "dialog"}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
    >
      <div class="dialog__head">
        <h2 id={id}>{title}</h2>
        {onClose !== undefined && (
          <button type="button" class="button button--bare" onClick={onClose}>
            <Icon name="close" />
            <span class="visually-hidden">{t.value["app.close"]}</span>
          </button>
        )}
      </div>
      {children}
    </dialog>
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
        <button type="button" class="button" onClick={onClose}>
          {t.value["app.cancel"]}
        </button>
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
