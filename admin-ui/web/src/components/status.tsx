//! A state as an icon and a word: never told by colour alone.
import type { ComponentChildren } from "preact";
import { CheckIcon, ClockIcon, CrossIcon, OffIcon } from "./icons";

export type Tone = "good" | "warn" | "bad" | "off";

const ICONS = { good: CheckIcon, warn: ClockIcon, bad: CrossIcon, off: OffIcon };

export function Status({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  const ToneIcon = ICONS[tone];
  return (
    <span class={`status status--${tone}`}>
      <ToneIcon />
      {children}
    </span>
  );
}
