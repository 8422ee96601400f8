// Time series on a canvas.
import uPlot from "uplot";
import { increments, number } from "../../units.js";
import { colour, paint } from "./colours.js";
import { stacked } from "./stacking.js";
import { TIMES, zoomOf, zoned } from "./time_axis.js";

export const HEIGHT = 340;
const MOST_POINTS = 60;

// `look` is {style, stack, log, unit}; `span`, in seconds, is what is in sight, null for everything.
export function draw(box, series, { hidden, look, zone, span, onHover, onZoom }) {
  const line = { stroke: paint("--line"), width: 1 };
  const axis = { stroke: paint("--muted"), grid: line, ticks: line, font: "12px system-ui, sans-serif" };
  const joined = series.length ? uPlot.join(series.map(({ times, values }) => [times, values])) : [[]];
  const unit = commonUnit(series);
  const steps = look.log ? null : increments(unit);
  const shown = (index) => !hidden.has(index);
  return new uPlot({
    width: box.clientWidth,
    height: HEIGHT,
    padding: [null, 24, null, null],
    tzDate: zoned(zone),
    scales: { x: { time: true, range: timeRange(look, span) }, y: valueScale(look) },
    axes: [
      { ...axis, values: TIMES },
      { ...axis, ...(look.log && { grid: decades(line), ticks: decades(line) }), size: 80, ...(steps && { incrs: steps }), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : number(tick, unit))) },
    ],
    series: [{}, ...series.map(({ label }, index) => ({ label, show: shown(index), ...strokes(look, index, joined[0].length) }))],
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
    hooks: {
      setCursor: [(plot) => {
        const { idx, left } = plot.cursor;
        if (idx === null || idx === undefined || left < 0) return onHover(null);
        onHover({ left, width: box.clientWidth, time: joined[0][idx], values: joined.slice(1).map((column) => column[idx]) });
      }],
      setSelect: [(plot) => zoomOf(plot, onZoom)],
    },
  }, drawn(joined, look, shown), box);
}

// Lines at powers of ten only.
const decades = (line) => ({ ...line, filter: (_, ticks) => ticks.map((tick) => (Math.abs(Math.log10(tick) % 1) < 1e-9 ? tick : null)) });

export function commonUnit(series) {
  const units = new Set(series.map(({ unit }) => unit));
  return units.size === 1 ? [...units][0] : "";
}

// The first series stands on top, as in the legend: the later ones are drawn over what lies below its line.
function drawn([times, ...columns], { stack, log }, shown) {
  if (stack) return [times, ...stacked(columns.toReversed(), (index) => shown(columns.length - 1 - index)).reverse()];
  if (log) return [times, ...columns.map((column) => column.map((value) => (value > 0 ? value : null)))];
  return [times, ...columns];
}

function strokes({ style, stack }, index, length) {
  const stroke = colour(index);
  const fill = stack ? `color-mix(in srgb, ${stroke} 45%, ${paint("--panel")})` : `color-mix(in srgb, ${stroke} ${style === "bars" ? 50 : 18}%, transparent)`;
  const none = { show: false };
  switch (style) {
    case "bars": return { stroke, fill, width: 1, paths: uPlot.paths.bars({ size: [0.7, 80] }), points: none };
    case "points": return { stroke, width: 0, paths: () => null, points: { show: true, size: 5, fill: stroke, stroke } };
    case "areas": return { stroke, fill, width: 1.5, spanGaps: false, points: { show: length < MOST_POINTS, size: 5 } };
    default: return { stroke, ...(stack && { fill }), width: 1.5, spanGaps: false, points: { show: length < MOST_POINTS, size: 5 } };
  }
}

function valueScale({ style, stack, log }) {
  if (log) return { distr: 3, log: 10, range: (_, min, max) => (min > 0 ? uPlot.rangeLog(min, max, 10, false) : [1, 10]) };
  if (!stack && style !== "bars" && style !== "areas") return {};
  return { range: (_, min, max) => uPlot.rangeNum(Math.min(0, min ?? 0), Math.max(0, max ?? 1), 0.1, true) };
}

// Bars need half a step of room at both ends.
function timeRange({ style }, span) {
  if (span) return span;
  if (style !== "bars") return undefined;
  return (plot, min, max) => {
    const { length } = plot.data[0];
    const half = length > 1 ? (max - min) / (length - 1) / 2 : 1800;
    return [min - half, max + half];
  };
}
