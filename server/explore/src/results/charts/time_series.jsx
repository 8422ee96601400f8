import { useEffect, useMemo, useState } from "preact/hooks";
import { number } from "../../units.js";
import { plural, time } from "../../values.js";
import { useCanvas } from "./canvas.js";
import { colour } from "./colours.js";
import { HEIGHT, draw } from "./drawing.js";

const TOOLTIP_LINES = 12;

// Nulls and NaN are gaps. Dragging over a span zooms into it; `span`, in seconds, is the one that is zoomed into,
// else everything is in sight.
export function TimeSeries({ series, total, look, zone, span, onZoom }) {
  const [hidden, setHidden] = useState(new Set());
  const [hover, setHover] = useState(null);
  const { style, stack, log } = look;
  const names = series.map(({ label }) => label).join("|");
  useEffect(() => setHidden(new Set()), [names]);
  // What is hidden counts in a stack.
  const stackHidden = stack ? hidden : null;
  const { box, plot } = useCanvas(
    (element) => draw(element, series, { hidden, look, zone, span, onHover: setHover, onZoom }),
    HEIGHT, [series, zone, span, style, stack, log, stackHidden],
  );
  useEffect(() => series.forEach((_, index) => plot.current?.setSeries(index + 1, { show: !hidden.has(index) })), [hidden]);
  const undrawn = useMemo(() => (log ? series.reduce((sum, { values }) => sum + values.filter((value) => value !== null && value <= 0).length, 0) : 0), [series, log]);

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
      {undrawn > 0 && <p class="notice">A logarithmic axis has no place for zero and below: {plural(undrawn, "value")} not drawn.</p>}
      <div class="plot" ref={box} role="img" aria-label={`Plot of ${series.length} series; the table has their values`}>
        {hover && <Tooltip hover={hover} series={series} hidden={hidden} stack={stack} zone={zone} />}
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

// The largest first; those of a stack as they stand.
function Tooltip({ hover, series, hidden, stack, zone }) {
  const lines = series
    .map(({ label, unit }, index) => ({ label, unit, index, value: hover.values[index] }))
    .filter(({ index, value }) => !hidden.has(index) && value !== null && value !== undefined);
  if (!stack) lines.sort((a, b) => b.value - a.value);
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
