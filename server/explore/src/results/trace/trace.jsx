import { useMemo, useState } from "preact/hooks";
import { number } from "../../units.js";
import { exactJson, plural, time } from "../../values.js";
import { colour } from "../charts/colours.js";
import { SidePanel } from "../table/side_panel.jsx";
import { traces, unfolded } from "./spans.js";

const MOST = 1000;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

// Spans over time, each below its parent; one that is chosen stands whole beside them.
export function Trace({ frames, zone }) {
  const found = useMemo(() => traces(frames), [frames]);
  const [chosen, setChosen] = useState("");
  const trace = found.find(({ id }) => id === chosen) ?? found[0];
  if (!trace) return <p class="hint">There are no spans.</p>;
  const [root] = trace.spans;
  return (
    <>
      <div class="look">
        {found.length > 1 && (
          <label>
            <span>Trace</span>
            <select value={trace.id} onChange={(event) => setChosen(event.target.value)}>
              {found.map(({ id, spans, start, end }) => <option key={id} value={id}>{spans[0].operation} · {number(end - start, "ms")} · {id}</option>)}
            </select>
          </label>
        )}
        <span><b>{root.service}: {root.operation}</b> <span class="muted">{number(trace.end - trace.start, "ms")} · {plural(trace.spans.length, "span")} · {plural(trace.services.length, "service")} · {time(trace.start, zone)}</span></span>
        {trace.errors > 0 && <span class="error">{plural(trace.errors, "error")}</span>}
      </div>
      <Spans key={trace.id} trace={trace} />
    </>
  );
}

function Spans({ trace }) {
  const { spans, start, end, services } = trace;
  const [folded, setFolded] = useState(new Set());
  const [shownId, setShownId] = useState("");
  const whole = end - start || 1;
  const inSight = unfolded(spans, folded);
  const shown = spans.find(({ id }) => id === shownId);
  function fold(id, isFolded) {
    const next = new Set(folded);
    if (isFolded) next.add(id);
    else next.delete(id);
    setFolded(next);
  }
  function onKey(event) {
    const rows = [...event.currentTarget.querySelectorAll(".span-name")];
    const at = rows.indexOf(event.target);
    const span = inSight[at];
    if (at < 0) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) rows[at + step]?.focus();
    else if (event.key === "ArrowLeft" && span.children) fold(span.id, true);
    else if (event.key === "ArrowRight") fold(span.id, false);
    else return;
    event.preventDefault();
  }
  return (
    <div class="split">
      <div class="spans" role="group" aria-label="Spans: arrow keys move, left folds, right unfolds" onKeyDown={onKey}>
        <div class="span-row ruler" aria-hidden="true"><span /><span class="span-bars">{TICKS.map((part) => <small key={part} style={{ left: `${part * 100}%` }}>{number(whole * part, "ms")}</small>)}</span></div>
        {inSight.slice(0, MOST).map((span) => (
          <div key={span.id} class={`span-row${span.id === shownId ? " chosen" : ""}`}>
            <span class="span-head" style={{ paddingLeft: `${span.depth * 14}px` }}>
              {span.children > 0
                ? <button class="twist" tabIndex={-1} aria-expanded={!folded.has(span.id)} aria-label={`What is below ${span.operation}`} onClick={() => fold(span.id, !folded.has(span.id))}>{folded.has(span.id) ? "▸" : "▾"}</button>
                : <span class="twist" />}
              <button class="span-name" aria-pressed={span.id === shownId} onClick={() => setShownId(span.id === shownId ? "" : span.id)}>
                <span class="swatch" style={swatch(services, span)} />{span.isError && <b class="error">! <span class="sr">Error:</span></b>}{span.operation} <small>{span.service}</small>
              </button>
            </span>
            <span class="span-bars" onClick={() => setShownId(span.id)}>
              <span class="bar-of-span" style={{ left: `${((span.start - start) / whole) * 100}%`, width: `${(span.duration / whole) * 100}%`, background: swatch(services, span).background }} />
              <small {...label(span, start, whole)}>{number(span.duration, "ms")}</small>
            </span>
          </div>
        ))}
        {inSight.length > MOST && <p class="hint">{inSight.length - MOST} more spans; fold some to see them.</p>}
      </div>
      {shown && <SpanPanel span={shown} from={shown.start - start} onClose={() => setShownId("")} />}
    </div>
  );
}

function SpanPanel({ span, from, onClose }) {
  const times = [["Service", span.service], ["Starts after", number(from, "ms")], ["Takes", number(span.duration, "ms")]];
  return (
    <SidePanel label={`Span ${span.operation}`} heading={span.operation} onClose={onClose}>
      <dl class="facts">{[...times, ...span.facts].map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {span.tags.map(([name, pairs]) => (
        <>
          <h3>{name}</h3>
          <dl class="fields-of-row">{pairs.map(([key, value]) => <div key={key}><dt>{key}</dt><dd>{typeof value === "string" ? value : exactJson(value)}</dd></div>)}</dl>
        </>
      ))}
    </SidePanel>
  );
}

function swatch(services, { service }) {
  const paint = colour(services.indexOf(service));
  return { background: paint, borderColor: paint };
}

// Behind the bar, before one that ends late, or within one that is as long as all.
function label({ start, duration }, begin, whole) {
  const [from, to] = [start - begin, start - begin + duration].map((each) => (each / whole) * 100);
  if (to < 85) return { style: { left: `calc(${to}% + 5px)` } };
  if (from > 15) return { style: { right: `calc(${100 - from}% + 5px)` } };
  return { class: "within", style: { left: `calc(${from}% + 6px)` } };
}
