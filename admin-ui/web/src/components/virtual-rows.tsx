//! The rows of a long table, of which only those near the view are in the document: the others are two spaces as high
//! as they are. Owns the heights and the range; a row's first `tr` must have its id as `data-row`.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/** Shorter tables are drawn whole. */
const WHOLE = 60;
/** How far beyond the view rows are drawn, in pixels. */
const BEYOND = 500;

interface VirtualRowsProps<T> {
  rows: readonly T[];
  idOf: (row: T) => string;
  columns: number;
  /** The height of a row that was never drawn, in pixels. */
  estimate: number;
  /** The first row that is drawn, and the one behind the last. */
  onRange?: (first: number, end: number) => void;
  children: (row: T, index: number) => ComponentChildren;
}

export function VirtualRows<T>(props: VirtualRowsProps<T>) {
  const { rows, idOf, columns, onRange } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const heights = useRef(new Map<string, number>());
  const range = useSignal<readonly [first: number, end: number]>([0, 30]);
  const isWhole = rows.length <= WHOLE;
  const [first, end] = isWhole ? [0, rows.length] : bounded(range.value, rows.length);
  const estimate = averageOf(heights.current, props.estimate);
  const heightOf = (row: T) => heights.current.get(idOf(row)) ?? estimate;
  const sum = (part: readonly T[]) => part.reduce((all, row) => all + heightOf(row), 0);

  function look() {
    if (isWhole || body.current === null) {
      return;
    }
    const { top } = body.current.getBoundingClientRect();
    const next = rangeOf(rows.map(heightOf), -top - BEYOND, innerHeight - top + BEYOND);
    if (next[0] !== range.value[0] || next[1] !== range.value[1]) {
      range.value = next;
    }
  }

  const latest = useRef(look);
  latest.current = look;
  useEffect(() => {
    let frame = 0;
    const soon = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => latest.current());
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, []);
  useLayoutEffect(() => {
    if (!isWhole && body.current !== null) {
      measure(body.current, heights.current);
      look();
    }
  });
  useEffect(() => onRange?.(first, end), [first, end, rows.length]);

  return (
    <tbody role="rowgroup" ref={body}>
      {!isWhole && <Space height={sum(rows.slice(0, first))} columns={columns} />}
      {rows.slice(first, end).map((row, index) => (
        <Fragment key={idOf(row)}>{props.children(row, first + index)}</Fragment>
      ))}
      {!isWhole && <Space height={sum(rows.slice(end))} columns={columns} />}
    </tbody>
  );
}

/** An empty row, which screen readers skip: it has neither text nor a name. */
function Space({ height, columns }: { height: number; columns: number }) {
  return (
    <tr class="table__space" hidden={height === 0}>
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  );
}

/** What is drawn of rows of these heights between two places, in pixels from the first row's top. */
export function rangeOf(
  heights: readonly number[],
  from: number,
  to: number,
): readonly [first: number, end: number] {
  let [at, first] = [0, 0];
  while (first < heights.length && at + (heights[first] ?? 0) < from) {
    at += heights[first] ?? 0;
    first += 1;
  }
  let end = first;
  while (end < heights.length && at < to) {
    at += heights[end] ?? 0;
    end += 1;
  }
  return [first, end];
}

/** The range within so many rows: fewer may have come since it was found. */
function bounded([first, end]: readonly [number, number], count: number) {
  return first < count
    ? ([first, Math.min(end, count)] as const)
    : ([0, Math.min(30, count)] as const);
}

function averageOf(heights: ReadonlyMap<string, number>, otherwise: number): number {
  if (heights.size === 0) {
    return otherwise;
  }
  let sum = 0;
  for (const height of heights.values()) {
    sum += height;
  }
  return sum / heights.size;
}

/** From the top of each row to that of the next one, so that what belongs to a row counts with it. */
function measure(body: HTMLElement, heights: Map<string, number>): void {
  const parts = [...body.children].filter(
    (part): part is HTMLElement =>
      part instanceof HTMLElement &&
      (part.dataset["row"] !== undefined || part.classList.contains("table__space")),
  );
  const tops = parts.map((part) => part.getBoundingClientRect().top);
  for (const [index, part] of parts.entries()) {
    const [top, next] = [tops[index], tops[index + 1]];
    if (
      part.dataset["row"] !== undefined &&
      top !== undefined &&
      next !== undefined &&
      next > top
    ) {
      heights.set(part.dataset["row"], next - top);
    }
  }
}
