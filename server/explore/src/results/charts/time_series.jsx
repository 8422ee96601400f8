import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { number, time } from "../values.js";

const HEIGHT = 340;
const TOOLTIP_LINES = 12;

// Time series as lines; nulls and NaN are gaps. Dragging over a span zooms into it; `span`, in seconds, is the
// one that is zoomed into, else everything is in sight.
export function Plot({ series, total, zone, span, onZoom }) {
  const box = useRef(null);
  const plot = useRef(null);
  const [hidden, setHidden] = useState(new Set());
  const [hover, setHover] = useState(null);
  const [theme, setTheme] = useState(document.documentElement.dataset.theme);
  const names = series.map(({ label }) => label).join("|");
  useEffect(() => setHidden(new Set()), [names]);
  useEffect(() => {
    const change = () => setTheme(document.documentElement.dataset.theme);
    addEventListener("themechange", change);
    return () => removeEventListener("themechange", change);
  }, []);
  useEffect(() => {
    const element = box.current;
    plot.current = draw(element, series, hidden, zone, span, setHover, onZoom);
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [series, zone, span, theme]);
  useEffect(() => series.forEach((_, index) => plot.current?.setSeries(index + 1, { show: !hidden.has(index) })), [hidden]);

  // A click isolates a series, another brings all back; with Ctrl or Shift it hides or shows that one.
  function choose(index, single) {
    const alone = hidden.size === series.length - 1 && !hidden.has(index);
    if (single) {
      const next = new Set(hidden);
      if (!next.delete(index)) next.add(index);
      setHidden(next);
    } else setHidden(alone ? new Set() : new Set(series.keys().filter((each) => each !== index)));
  }

  return (
    <>
      {total > series.length && <p class="notice">Only the first {series.length} of {total.toLocaleString("en")} series are drawn; the table has all.</p>}
      <div class="plot" ref={box} role="img" aria-label={`Plot of ${series.length} series; the table has their values`}>
        {hover && <Tooltip hover={hover} series={series} hidden={hidden} zone={zone} />}
      </div>
      <div class="legend" role="group" aria-label="Series: a click isolates, Ctrl+click hides">
        {series.map(({ label }, index) => (
          <button key={index} aria-pressed={!hidden.has(index)} title="Click isolates, Ctrl+click hides" onClick={(event) => choose(index, event.ctrlKey || event.metaKey || event.shiftKey)}>
            <span class="swatch" style={{ background: hidden.has(index) ? "transparent" : colour(index), borderColor: colour(index) }} />{label}
          </button>
        ))}
      </div>
      <p class="hint">Drag over the plot to zoom. Times are in {zone === "utc" ? "UTC" : "local time"}.</p>
    </>
  );
}

function Tooltip({ hover, series, hidden, zone }) {
  const lines = series
    .map(({ label, unit }, index) => ({ label, unit, index, value: hover.values[index] }))
    .filter(({ index, value }) => !hidden.has(index) && value !== null && value !== undefined)
    .sort((a, b) => b.value - a.value);
  const side = hover.left > hover.width / 2 ? { right: `${hover.width - hover.left + 90}px` } : { left: `${hover.left + 90}px` };
  return (
    <div class="tooltip" style={{ ...side, top: "12px" }}>
      <strong>{time(hover.time * 1000, zone)}</strong>
      {lines.slice(0, TOOLTIP_LINES).map(({ label, unit, index, value }) => (
        <div key={index}><span class="swatch" style={{ background: colour(index), borderColor: colour(index) }} /><span>{label}</span><b>{number(value, unit)}</b></div>
      ))}
      {lines.length > TOOLTIP_LINES && <div>{lines.length - TOOLTIP_LINES} more</div>}
    </div>
  );
}

function colour(index) {
  return `hsl(${(190 + index * 137.5) % 360} 65% ${document.documentElement.dataset.theme === "dark" ? 64 : 40}%)`;
}

function draw(box, series, hidden, zone, span, onHover, onZoom) {
  const style = getComputedStyle(document.documentElement);
  const paint = (name) => style.getPropertyValue(name).trim();
  const line = { stroke: paint("--line"), width: 1 };
  const axis = { stroke: paint("--muted"), grid: line, ticks: line, font: "12px system-ui, sans-serif" };
  const data = series.length ? uPlot.join(series.map(({ times, values }) => [times, values])) : [[]];
  const lines = series.map(({ label }, index) => ({
    label, show: !hidden.has(index), stroke: colour(index), width: 1.5, spanGaps: false,
    points: { show: data[0].length < 60, size: 5 },
  }));
  const units = new Set(series.map(({ unit }) => unit));
  const unit = units.size === 1 ? [...units][0] : "";
  return new uPlot({
    width: box.clientWidth,
    height: HEIGHT,
    tzDate: zone === "utc" ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : undefined,
    scales: { x: { time: true, ...(span && { range: span }) } },
    axes: [{ ...axis, values: TIMES }, { ...axis, size: 76, values: (_, ticks) => ticks.map((tick) => number(tick, unit)) }],
    series: [{}, ...lines],
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
    hooks: {
      setCursor: [(plot) => {
        const { idx, left } = plot.cursor;
        if (idx === null || idx === undefined || left < 0) return onHover(null);
        onHover({ left, width: box.clientWidth, time: plot.data[0][idx], values: plot.data.slice(1).map((column) => column[idx]) });
      }],
      setSelect: [(plot) => {
        if (plot.select.width < 4) return;
        const zoomed = ends([plot.select.left, plot.select.left + plot.select.width].map((left) => plot.posToVal(left, "x") * 1000));
        plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        onZoom(zoomed);
      }],
    },
  }, data, box);
}

// In whole seconds, unless the span is that small.
function ends([from, to]) {
  if (to - from < 10_000) return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  const text = (milliseconds) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
  return { from: text(Math.floor(from / 1000) * 1000), to: text(Math.ceil(to / 1000) * 1000) };
}

// Axis labels by the distance of ticks: [seconds, label, …, label when the year, day or hour turns].
const TIMES = [
  [3600 * 24 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [3600 * 24 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [3600 * 24, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [0.001, "{ss}.{fff}", "\n{HH}:{mm}", null, null, null, "\n{HH}:{mm}", null, 1],
];
