//! A chart with its title and one figure: that of the whole range, or of the bucket under the pointer.
//! The chart is for the eye; callers show the same numbers as a table.
import { type Signal, signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../design/theme";
import { formatBucket, formatDay, formatHour, language, t } from "../i18n";

/** The bucket that the pointer is on, in all charts. */
const pointed: Signal<number | null> = signal(null);

interface ChartProps {
  title: string;
  /** Of the whole range, in words. */
  note?: string | undefined;
  isWhole?: boolean;
  kind: "bars" | "lines";
  bucket: "hour" | "day";
  times: readonly number[];
  stepS: number;
  values: readonly (readonly (number | null)[])[];
  /** Classes that have the colours, one for each line of values. */
  swatches: readonly string[];
  /** Lines of the period before, which are dashed, with the classes that have their colours. */
  former?: readonly { values: readonly (number | null)[]; swatch: string }[];
  tick: (value: number) => string;
  /** The text of a bucket; without one, the figure of the whole range. */
  figure: (index: number | null) => ComponentChildren;
}

export function Chart(props: ChartProps) {
  const {
    title,
    figure,
    note,
    kind,
    bucket,
    times,
    stepS,
    values,
    swatches,
    former = [],
    tick,
    isWhole = false,
  } = props;
  const host = useRef<HTMLDivElement>(null);
  const failed = useSignal(false);
  const dark = useSignal(matchMedia("(prefers-color-scheme: dark)").matches);

  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const change = () => {
      dark.value = query.matches;
    };
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);

  // Drawn anew when anything of it changes, which is once a minute; `drawn` is a key of all of it.
  const drawn = JSON.stringify([kind, bucket, times[0], values, swatches, former]);
  useEffect(() => {
    let erase: (() => void) | undefined;
    let isOld = false;
    void import("./chart-engine").then(
      ({ draw }) => {
        const element = host.current;
        if (isOld || element === null) {
          return;
        }
        const colour = (name: string) => colourOf(element, name);
        erase = draw(element, {
          kind,
          times,
          stepS,
          values,
          colours: swatches.map(colour),
          dashed: former.map((line) => ({ values: line.values, colour: colour(line.swatch) })),
          ink: colour("chart__ink"),
          grid: colour("chart__grid"),
          font: `11px ${getComputedStyle(element).fontFamily}`,
          inUtc: bucket === "day",
          isWhole,
          tick,
          timeTick: (time) => timeTick(time, bucket),
          onPoint: (index) => {
            pointed.value = index;
          },
        });
      },
      () => {
        failed.value = true;
      },
    );
    return () => {
      isOld = true;
      erase?.();
      pointed.value = null;
    };
  }, [drawn, theme.value, dark.value, language.value]);

  return (
    <section class="card chart" aria-label={title}>
      <h3 class="chart__title">{title}</h3>
      <Figure figure={figure} note={note} bucket={bucket} times={times} />
      <div class="chart__plot" ref={host} aria-hidden="true" />
      {failed.value && <p class="muted">{t.value["chart.failed"]}</p>}
    </section>
  );
}

type FigureProps = Pick<ChartProps, "figure" | "note" | "bucket" | "times">;

/** Apart from the chart, so that moving the pointer draws these two lines and nothing else. */
function Figure({ figure, note, bucket, times }: FigureProps) {
  const index = pointed.value;
  const time = index === null ? undefined : times[index];
  return (
    <p class="chart__figure">
      {figure(time === undefined ? null : index)}{" "}
      <span class="muted">{time === undefined ? note : formatBucket(time, bucket)}</span>
    </p>
  );
}

/** Midnight says which day it is, other hours the time. */
function timeTick(time: number, bucket: "hour" | "day"): string {
  const isMidnight = new Date(time * 1000).getHours() === 0;
  return bucket === "day" || isMidnight ? formatDay(time, bucket) : formatHour(time);
}

/** A canvas knows no custom properties; an element with the class knows the colour that is meant. */
function colourOf(inside: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.className = name;
  inside.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
