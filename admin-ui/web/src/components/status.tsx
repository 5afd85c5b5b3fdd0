//! A state as an icon and a word: never by colour alone.
import type { ComponentChildren } from "preact";
import { Icon } from "./icons";

export type Tone = "good" | "warn" | "alert" | "bad" | "off";

export function Status({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`status status--${tone}`}>
      <Icon name={tone} />
      <span>{children}</span>
    </span>
  );
}
