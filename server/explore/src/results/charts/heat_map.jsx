import uPlot from "uplot";
import { useState } from "preact/hooks";
import { number } from "../../units.js";
import { time } from "../../values.js";
import { useCanvas } from "./canvas.js";
import { isDark, paint } from "./colours.js";
import { TIMES, zoomOf, zoned } from "./time_axis.js";

const HEIGHT = 380;
const SHADES = 24;

// A histogram over time: buckets stand upon each other at equal heights, and the darker the more.
export function HeatMap({ histogram, unit, zone, span, onZoom }) {
  const [hover, setHover] = useState(null);
  const { bounds, cells, added } = histogram;
  const most = cells.reduce((largest, { count }) => Math.max(largest, count), 0);
  const { box } = useCanvas((element) => draw(element, histogram, most, { unit, zone, span, onHover: setHover, onZoom }), HEIGHT, [histogram, unit, zone, span]);
  return (
    <>
      <div class="plot" ref={box} role="img" aria-label={`Heat map of ${bounds.length - 1} buckets; the table has their values`}>
        {hover && <Tooltip hover={hover} unit={unit} zone={zone} />}
      </div>
      <p class="heat-scale" aria-label={`Counts from 0 to ${number(most, "short")}`}>
        <span>0</span>
        <svg viewBox={`0 0 ${SHADES} 1`} preserveAspectRatio="none" aria-hidden="true">{shades().map((shade, index) => <rect key={index} x={index} width="1.05" height="1" fill={shade} />)}</svg>
        <span>{number(most, "short")}</span>
      </p>
      <p class="hint">
        Drag over the heat map to zoom. Times are in {zone === "utc" ? "UTC" : "local time"}.
        {added > 1 && ` Each cell is the sum of ${added} histograms.`}
      </p>
    </>
  );
}

function Tooltip({ hover, unit, zone }) {
  const { cell, low, high } = hover;
  const side = hover.left > hover.width / 2 ? { right: `${hover.width - hover.left + 90}px` } : { left: `${hover.left + 90}px` };
  return (
    <div class="tooltip" style={{ ...side, top: "12px" }}>
      <strong>{time(cell.time * 1000, zone)}</strong>
      <div><span>{edge(low, unit)} – {edge(high, unit)}</span><b>{number(cell.count)}</b></div>
    </div>
  );
}

const edge = (value, unit) => (Number.isFinite(value) ? number(value, unit) : value > 0 ? "+∞" : "−∞");

function draw(box, { times, bounds, cells }, most, { unit, zone, span, onHover, onZoom }) {
  const line = { stroke: paint("--line"), width: 1 };
  const axis = { stroke: paint("--muted"), ticks: line, grid: { show: false }, font: "12px system-ui, sans-serif" };
  const step = usualStep(times);
  const byTime = Map.groupBy(cells, (cell) => cell.time);
  const colours = shades();
  const shade = (count) => colours[Math.min(SHADES - 1, Math.floor(Math.sqrt(count / most) * SHADES))];
  return new uPlot({
    width: box.clientWidth,
    height: HEIGHT,
    padding: [null, 24, null, null],
    tzDate: zoned(zone),
    scales: { x: { time: true, range: span ?? (() => [times[0] - step, times.at(-1)]) }, y: { range: [0, bounds.length - 1] } },
    axes: [
      { ...axis, values: TIMES },
      { ...axis, size: 80, incrs: [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 256], values: (_, ticks) => ticks.map((place) => (Number.isInteger(place) && place in bounds ? edge(bounds[place], unit) : "")) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false } },
    hooks: {
      draw: [(plot) => {
        const { ctx } = plot;
        ctx.save();
        ctx.beginPath();
        ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
        ctx.clip();
        for (const { time, from, to, count } of cells) {
          if (!count) continue;
          const [left, right] = [time - step, time].map((each) => Math.round(plot.valToPos(each, "x", true)));
          const [top, bottom] = [to, from].map((each) => Math.round(plot.valToPos(each, "y", true)));
          ctx.fillStyle = shade(count);
          ctx.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
        }
        ctx.restore();
      }],
      setCursor: [(plot) => {
        const { left, top } = plot.cursor;
        const moment = times.find((each) => each >= plot.posToVal(left, "x"));
        const place = plot.posToVal(top, "y");
        const cell = left >= 0 && byTime.get(moment)?.find(({ from, to }) => from <= place && place < to);
        onHover(cell ? { left, width: box.clientWidth, cell, low: bounds[cell.from], high: bounds[cell.to] } : null);
      }],
      setSelect: [(plot) => zoomOf(plot, onZoom)],
    },
  }, [times, times.map(() => 0)], box);
}

// The distance of most times; a cell reaches as far back.
function usualStep(times) {
  const steps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 60;
}

// From close to the page's colour to one that stands out of it, all of one hue.
function shades() {
  const dark = isDark();
  return Array.from({ length: SHADES }, (_, index) => {
    const part = index / (SHADES - 1);
    return dark ? `hsl(${200 - 18 * part} ${42 + 28 * part}% ${24 + 58 * part}%)` : `hsl(${186 + 22 * part} ${45 + 25 * part}% ${88 - 66 * part}%)`;
  });
}
