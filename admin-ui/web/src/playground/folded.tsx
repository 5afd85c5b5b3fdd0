//! A part that is shown when it is wanted, and drawn only then.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

interface FoldedProps {
  title: string;
  /** Beside the title. */
  note?: string;
  children: ComponentChildren;
}

export function Folded({ title, note = "", children }: FoldedProps) {
  const isOpen = useSignal(false);
  return (
    <details
      class="play__folded"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>
        {title} {note !== "" && <span class="muted">{note}</span>}
      </summary>
      {isOpen.value && <div class="play__inside">{children}</div>}
    </details>
  );
}
