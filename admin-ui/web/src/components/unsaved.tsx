//! Marks the dialog or page around it as holding something that leaving would lose.
import { useUnsaved } from "../unsaved";

export function Unsaved({ when }: { when: boolean }) {
  useUnsaved(when);
  return null;
}
