//! Who gets how much: channels dragged between priorities, weights by slider or number, and the shares
//! that come of it. Nothing is changed before it is saved.
import { type Signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { changeChannel, showChannel } from "../api/client";
import type { Failure } from "../api/failure";
import type { Channel } from "../api/types";
import { CloseButton, Dialog } from "../components/dialog";
import { Icon } from "../components/icons";
import { FailureNotice } from "../components/notice";
import { Unsaved } from "../components/unsaved";
import { type Body, differences } from "../conflict/changes";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { type Now, now } from "../conflict/stale";
import { formatPercent, t } from "../i18n";
import { denied } from "../session/roles";
import {
  changesOf,
  isolate,
  join,
  type Lane,
  lanesOf,
  MOST,
  type Slot,
  shareIn,
  slotsOf,
  step,
  weigh,
} from "./arrangement";

/** The slider reaches this far, or twice as far as the largest weight; more can be typed. */
const SLIDER_MOST = 10;

interface ArrangeProps {
  channels: readonly Channel[];
  onClose: () => void;
  onSaved: () => void;
}

/** What is arranged, and saving it channel by channel. */
function useArranging({ channels, onSaved }: Omit<ArrangeProps, "onClose">) {
  const stored = useSignal(slotsOf(channels));
  const slots = useSignal(stored.value);
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const met = useSignal<({ id: string } & Now<Channel>) | null>(null);

  async function save() {
    busy.value = true;
    failure.value = null;
    met.value = null;
    for (const { id, send } of changesOf(stored.value, slots.value)) {
      const known = stored.value.find((slot) => slot.id === id);
      const result = await changeChannel(id, send, known?.revision ?? null);
      if (result.ok) {
        // What has been saved is not sent again after a failure.
        const { revision } = result.value;
        stored.value = stored.value.map((slot) =>
          slot.id === id ? { ...slot, ...send, revision } : slot,
        );
        continue;
      }
      const meanwhile = await now(result.failure, () => showChannel(id));
      busy.value = false;
      if (!meanwhile.ok) {
        failure.value = meanwhile.failure;
        return;
      }
      met.value = { id, ...meanwhile.value };
      return;
    }
    busy.value = false;
    onSaved();
  }

  /** Goes on from the channel as it is now: with the reader's place for it, or with the one that it has. */
  function goOn(isOverwritten: boolean) {
    const { id, theirs } = met.value ?? { id: "", theirs: null };
    const slot = theirs === null ? undefined : slotsOf([theirs])[0];
    const taken = (all: Slot[]) =>
      all.flatMap((one) => (one.id !== id ? [one] : slot === undefined ? [] : [slot]));
    stored.value = taken(stored.value);
    slots.value =
      isOverwritten && slot !== undefined
        ? slots.value.map((one) =>
            one.id === id ? { ...one, name: slot.name, takes: slot.takes } : one,
          )
        : taken(slots.value);
    met.value = null;
    if (isOverwritten) {
      void save();
    }
  }

  return { stored, slots, busy, failure, met, save, goOn };
}

export function ArrangeDialog({ channels, onClose, onSaved }: ArrangeProps) {
  const m = t.value;
  const said = useSignal("");
  const { stored, slots, busy, failure, met, save, goOn } = useArranging({ channels, onSaved });
  const changes = changesOf(stored.value, slots.value);

  if (met.value !== null) {
    const { id, theirs } = met.value;
    const was = stored.value.find((slot) => slot.id === id);
    const mine = slots.value.find((slot) => slot.id === id);
    return (
      <ConflictDialog
        name={was?.name ?? ""}
        differences={
          theirs === null ? null : differences(placeOf(was), placeOf(theirs), placeOf(mine))
        }
        busy={busy.value}
        onReload={() => goOn(false)}
        onOverwrite={() => goOn(true)}
        onClose={() => {
          met.value = null;
        }}
      />
    );
  }

  function move(id: string, next: Slot[]) {
    slots.value = next;
    const moved = next.find((slot) => slot.id === id);
    said.value = moved === undefined ? "" : m["arrange.moved"](moved.name, moved.priority);
  }

  return (
    <Dialog title={m["arrange.title"]} onClose={onClose} wide>
      <Unsaved when={changes.length > 0} />
      <p class="muted">{m["arrange.text"]}</p>
      <Lanes slots={slots} onMove={move} />
      <p class="visually-hidden" role="status">
        {said.value}
      </p>
      <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
      <div class="actions actions--end">
        {changes.length === 0 && <span class="muted">{m["arrange.same"]}</span>}
        <CloseButton />
        <button
          type="button"
          class="button button--primary"
          aria-disabled={busy.value || changes.length === 0}
          {...denied()}
          onClick={() => busy.value || changes.length === 0 || save()}
        >
          {busy.value ? m["form.saving"] : m["form.save"]}
        </button>
      </div>
    </Dialog>
  );
}

/** What this dialog changes of a channel. */
function placeOf(of: { name: string; priority: number; weight: number } | undefined): Body {
  return of === undefined ? {} : { name: of.name, priority: of.priority, weight: of.weight };
}

interface LanesProps {
  slots: Signal<Slot[]>;
  onMove: (id: string, next: Slot[]) => void;
}

/** Where a drag may end: `lane:<priority>` or `gap:<index>`. */
type Target = string;

function Lanes({ slots, onMove }: LanesProps) {
  const dragged = useSignal<string | null>(null);
  const target = useSignal<Target | null>(null);
  const focused = useRef<string | null>(null);
  const list = useRef<HTMLDivElement>(null);

  // A channel in another lane is another element; the focus goes with the channel, before the next key.
  useLayoutEffect(() => {
    if (focused.current !== null) {
      list.current?.querySelector<HTMLElement>(`[data-grip="${focused.current}"]`)?.focus();
      focused.current = null;
    }
  }, [slots.value]);

  function drop() {
    const [id, where] = [dragged.value, target.value];
    dragged.value = null;
    target.value = null;
    if (id === null || where === null) {
      return;
    }
    const [kind, number] = where.split(":");
    const place = kind === "lane" ? join : isolate;
    onMove(id, place(slots.value, id, Number(number)));
  }

  const grip: GripActions = {
    start: (id) => {
      dragged.value = id;
    },
    over: (x, y) => {
      const under = document.elementFromPoint(x, y)?.closest<HTMLElement>("[data-drop]");
      target.value = under?.dataset["drop"] ?? null;
    },
    drop,
    cancel: () => {
      dragged.value = null;
      target.value = null;
    },
    step: (id, direction) => {
      focused.current = id;
      onMove(id, step(slots.value, id, direction));
    },
  };

  const lanes = lanesOf(slots.value);
  const others = lanesOf(slots.value.filter(({ id }) => id !== dragged.value));
  const gapBefore = (lane: Lane) => others.findIndex(({ priority }) => priority === lane.priority);
  return (
    <div class="lanes" ref={list} data-dragging={dragged.value !== null}>
      {lanes.map((lane) => (
        <div key={lane.priority} class="lanes__part">
          {gapBefore(lane) !== -1 && <Gap index={gapBefore(lane)} target={target.value} />}
          <LaneView
            lane={lane}
            dragged={dragged.value}
            isTarget={target.value === `lane:${lane.priority}`}
            grip={grip}
            onWeigh={(id, weight) => {
              slots.value = weigh(slots.value, id, weight);
            }}
          />
        </div>
      ))}
      <Gap index={others.length} target={target.value} />
    </div>
  );
}

function Gap({ index, target }: { index: number; target: Target | null }) {
  const name = `gap:${index}`;
  return (
    <div class="lanes__gap" data-drop={name} data-over={target === name} aria-hidden="true">
      {t.value["arrange.newGroup"]}
    </div>
  );
}

interface GripActions {
  start: (id: string) => void;
  over: (x: number, y: number) => void;
  drop: () => void;
  cancel: () => void;
  step: (id: string, direction: -1 | 1) => void;
}

interface LaneProps {
  lane: Lane;
  dragged: string | null;
  isTarget: boolean;
  grip: GripActions;
  onWeigh: (id: string, weight: number) => void;
}

function LaneView({ lane, dragged, isTarget, grip, onWeigh }: LaneProps) {
  const m = t.value;
  const most = Math.max(SLIDER_MOST, ...lane.slots.map(({ weight }) => weight * 2));
  return (
    <section
      class="lane"
      data-drop={`lane:${lane.priority}`}
      data-over={isTarget}
      aria-label={m["channels.priorityGroup"](lane.priority)}
    >
      <h3 class="lane__title">{m["channels.priorityGroup"](lane.priority)}</h3>
      <ShareBar lane={lane} />
      <ul class="lane__slots">
        {lane.slots.map((slot) => (
          <li key={slot.id} class="lane__slot" data-dragged={slot.id === dragged}>
            <Grip slot={slot} actions={grip} />
            <span class="lane__name">{slot.name}</span>
            <input
              type="range"
              class="lane__slider"
              {...denied()}
              aria-label={m["arrange.sliderOf"](slot.name)}
              min={0}
              max={Math.min(most, MOST)}
              value={slot.weight}
              onInput={(event) => onWeigh(slot.id, event.currentTarget.valueAsNumber)}
            />
            <input
              class="input lane__weight"
              {...denied()}
              aria-label={m["arrange.weightOf"](slot.name)}
              inputMode="numeric"
              value={slot.weight}
              onInput={(event) => {
                const typed = event.currentTarget.value.trim();
                if (/^\d+$/.test(typed)) {
                  onWeigh(slot.id, Number(typed));
                }
              }}
            />
            <span class="lane__share">
              {slot.takes ? formatPercent(shareIn(lane, slot)) : m["arrange.off"]}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The lane's requests as one bar, a part for each channel. */
function ShareBar({ lane }: { lane: Lane }) {
  const parts = lane.slots
    .map((slot) => ({ slot, share: shareIn(lane, slot) }))
    .filter(({ share }) => share > 0);
  return (
    <div class="lane__bar" aria-hidden="true">
      {parts.map(({ slot, share }) => (
        <span
          key={slot.id}
          class="lane__part"
          style={{ width: `${share * 100}%` }}
          title={t.value["arrange.share"](slot.name, formatPercent(share))}
        >
          {slot.name}
        </span>
      ))}
    </div>
  );
}

function Grip({ slot, actions }: { slot: Slot; actions: GripActions }) {
  return (
    <button
      type="button"
      class="grip"
      {...denied()}
      data-grip={slot.id}
      onPointerDown={(event) => {
        if (event.button === 0) {
          event.currentTarget.setPointerCapture(event.pointerId);
          actions.start(slot.id);
        }
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) {
          actions.over(event.clientX, event.clientY);
        }
      }}
      onPointerUp={actions.drop}
      onPointerCancel={actions.cancel}
      onKeyDown={(event) => {
        if (event.key === "ArrowUp" || event.key === "ArrowDown") {
          event.preventDefault();
          actions.step(slot.id, event.key === "ArrowUp" ? -1 : 1);
        }
      }}
    >
      <Icon name="grip" />
      <span class="visually-hidden">{t.value["arrange.move"](slot.name)}</span>
    </button>
  );
}
