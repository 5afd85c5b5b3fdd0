//! What the next new channel starts from: a copy of another.
import { signal } from "@preact/signals";
import type { Draft } from "./draft";

export const template = signal<Draft | null>(null);
