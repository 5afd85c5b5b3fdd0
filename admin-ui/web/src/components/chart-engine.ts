//! uPlot, in a separate file, so that only a page with charts loads it. Draws what it is given and
//! reports where the pointer is; knows neither texts nor figures.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Drawing {
  kind: "bars" | "lines";
  /** Beginnings of the buckets, in Unix seconds, and their length. */
  times: readonly number[];
  stepS: number;
  /** Bars are stacked, the first at the bottom. */
  values: readonly (readonly (number | null)[])[];
  /** One for each line of values. */
  colours: readonly string[];
  /** Lines over all others, to compare them with. */
  dashed: readonly { values: readonly (number | null)[]; colour: string }[];
  ink: string;
  grid: string;
  font: string;
  /** Ticks on days of UTC in place of the reader's. */
  inUtc: boolean;
  /** Nothing between whole numbers is a value. */
  isWhole: boolean;
  tick: (value: number) => string;
  timeTick: (unixSeconds: number) => string;
  /** The bucket under the pointer, or under that of a chart beside it. */
  onPoint: (index: number | null) => void;
}

const HEIGHT = 132;
/** Half of the widest text at a time's tick. */
const HALF_TEXT = 16;
/** Steps between ticks. */
const WHOLE = Array.from({ length: 13 }, (_, power) => 10 ** power).flatMap((ten) => [
  ten,
  2 * ten,
  5 * ten,
]);

export function draw(host: HTMLElement, drawing: Drawing): () => void {
  const { kind, times, stepS, values, colours, dashed } = drawing;
  const middles = times.map((time) => time + stepS / 2);
  const lines = kind === "bars" ? stacked(values) : values;
  // The highest pile first, so that those below it are drawn over it.
  const order = lines.map((_, index) => index);
  if (kind === "bars") {
    order.reverse();
  }
  const all = [...lines, ...dashed.map((line) => line.values)];
  const highest = Math.max(0, ...all.flat().map((value) => value ?? 0));
  const begin = times[0] ?? 0;
  const plot = new uPlot(
    {
      width: host.clientWidth,
      height: HEIGHT,
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: { show: false },
        sync: { key: "overview" },
      },
      ...(drawing.inUtc
        ? { tzDate: (time: number) => uPlot.tzDate(new Date(time * 1e3), "UTC") }
        : {}),
      scales: {
        x: { range: [begin, begin + times.length * stepS] },
        y: { range: [0, highest === 0 ? 1 : highest * 1.08] },
      },
      axes: [axis(drawing, false), axis(drawing, true)],
      series: [
        {},
        ...order.map((index) => seriesOf(kind, colours[index] ?? drawing.ink, lines[index] ?? [])),
        ...dashed.map(({ values: line, colour }) => ({
          ...seriesOf("lines", colour, line),
          dash: [4, 3],
        })),
      ],
      hooks: {
        setCursor: [({ cursor }) => drawing.onPoint(cursor.idx ?? null)],
      },
    },
    [
      middles,
      ...order.map((index) => [...(lines[index] ?? [])]),
      ...dashed.map((line) => [...line.values]),
    ] as uPlot.AlignedData,
    host,
  );
  const resizing = new ResizeObserver(() => {
    if (host.clientWidth > 0) {
      plot.setSize({ width: host.clientWidth, height: HEIGHT });
    }
  });
  resizing.observe(host);
  return () => {
    resizing.disconnect();
    plot.destroy();
  };
}

function axis(drawing: Drawing, isVertical: boolean): uPlot.Axis {
  const write = isVertical ? drawing.tick : drawing.timeTick;
  return {
    stroke: drawing.ink,
    font: drawing.font,
    grid: isVertical ? { stroke: drawing.grid, width: 1 } : { show: false },
    ticks: { show: false },
    border: { show: !isVertical, stroke: drawing.grid, width: 1 },
    size: isVertical ? 54 : 24,
    gap: isVertical ? 8 : 4,
    space: isVertical ? 36 : 64,
    ...(isVertical && drawing.isWhole ? { incrs: WHOLE } : {}),
    values: (plot, splits) =>
      splits.map((split) => (isVertical || hasRoom(plot, split) ? write(split) : "")),
  };
}

/** Whether a time's text, which is centred on its tick, would be whole and off the other axis. */
function hasRoom(plot: uPlot, time: number): boolean {
  const at = plot.valToPos(time, "x");
  return at >= HALF_TEXT && at <= plot.bbox.width / devicePixelRatio - HALF_TEXT;
}

function seriesOf(
  kind: Drawing["kind"],
  colour: string,
  line: readonly (number | null)[],
): uPlot.Series {
  if (kind === "bars") {
    const paths = uPlot.paths.bars?.({ size: [0.75, 28] });
    return { fill: colour, width: 0, points: { show: false }, ...(paths ? { paths } : {}) };
  }
  // A line needs two neighbours; a single value is a point.
  const alone = line.flatMap((value, index) =>
    value !== null && (line[index - 1] ?? null) === null && (line[index + 1] ?? null) === null
      ? [index]
      : [],
  );
  return {
    stroke: colour,
    width: 1.5,
    points: { show: true, size: 4, width: 0, fill: colour, filter: () => alone },
  };
}

/** Each line on top of those before it. */
function stacked(values: Drawing["values"]): number[][] {
  const piles: number[][] = [];
  for (const line of values) {
    const below = piles.at(-1);
    piles.push(line.map((value, index) => (value ?? 0) + (below?.[index] ?? 0)));
  }
  return piles;
}
