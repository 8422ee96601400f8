import { useEffect, useMemo, useState } from "preact/hooks";
import { MAX_ROWS, asTable, isPlottable, isTimeSeries, notices, tablesOf } from "../frames.js";
import { Guard } from "../guard.jsx";
import { keepZone, readZone } from "../values.js";
import { declaredAs } from "./declared.js";
import { Downloads } from "./downloads.jsx";
import { Failures } from "./failures.jsx";
import { Inspector } from "./inspector.jsx";
import { lazy } from "../lazy.jsx";
import { useLinked } from "./linked.js";
import { Status } from "./status.jsx";
import { Table } from "./table/table.jsx";
import { Tabs } from "./tabs.jsx";

const views = () => import("./views.js");
const [Chart, Logs, Trace] = ["Chart", "Logs", "Trace"].map((name) => lazy(async () => (await views())[name]));

const UNPLOTTABLE = "A plot needs a column of times and one of numbers; this answer has not both.";

// `errors` are those that are told nowhere else.
export function Results({ answer, errors = answer.errors, plugin, range, isZoomed, onZoom }) {
  const [chosen, setChosen] = useLinked("view");
  const [tableKey, setTableKey] = useState("A");
  const [zone, setZone] = useState(readZone);
  const tables = useMemo(() => tablesOf(answer.frames), [answer.frames]);
  const shown = tables.find(({ key }) => key === tableKey) ?? tables[0];
  const table = useMemo(() => asTable(shown?.frames ?? []), [answer.frames, shown?.key]);
  const plottable = isPlottable(answer.frames);
  const [logs, trace] = useMemo(() => ["logs", "trace"].map((what) => answer.frames.filter((frame) => declaredAs(frame) === what)), [answer.frames]);
  const isDeclared = logs.length + trace.length === answer.frames.filter((frame) => frame.fields.length).length;
  const tabs = [
    ...(trace.length ? [["trace", "Trace"]] : []),
    ...(logs.length ? [["logs", "Logs"]] : []),
    ["table", "Table"], ["plot", "Plot", plottable ? "" : UNPLOTTABLE], ["query", "Query"],
  ];
  // The first rows decide; what the user chooses stays.
  const usual = isTimeSeries(answer.frames) ? "plot" : isDeclared ? tabs[0][0] : "table";
  const view = tabs.some(([key, , why]) => key === chosen && !why) ? chosen : usual;
  const span = useMemo(() => (isZoomed ? [range.from, range.to].map((end) => Date.parse(end) / 1000) : null), [isZoomed, range]);
  useEffect(() => keepZone(zone), [zone]);

  if (answer.status === "idle") return <Welcome plugin={plugin} />;
  return (
    <div class="results">
      <Status answer={answer} />
      <Failures errors={errors} requestId={answer.requestId} />
      {answer.truncated && <Truncated />}
      {notices(answer.frames).map((notice, index) => <p key={index} class={`notice ${notice.severity ?? ""}`}>{notice.text}</p>)}
      {answer.frames.length > 0 && (
        <>
          <div class="bar">
            <Tabs label="Result" tabs={tabs} value={view} onChange={setChosen} />
            {tables.length > 1 && view === "table" && (
              <select aria-label="Rows of query" value={shown.key} onChange={(event) => setTableKey(event.target.value)}>
                {tables.map(({ key, label }) => <option key={key} value={key}>{label}</option>)}
              </select>
            )}
            <select aria-label="Time zone" value={zone} onChange={(event) => setZone(event.target.value)}>
              <option value="utc">UTC</option>
              <option value="browser">Local time</option>
            </select>
            {answer.status !== "running" && table.fields.length > 0 && <Downloads table={table} request={answer.request} refId={shown.refId} />}
          </div>
          <div class="panel" role="tabpanel" id="result-panel" aria-labelledby={`tab-${view}`}>
            <Guard key={`${view} ${answer.started}`} what="This view">
            {view === "table" && (table.length || answer.status === "running" ? <Table frame={table} zone={zone} /> : <Empty range={range} />)}
            {view === "logs" && <Logs frames={logs} zone={zone} />}
            {view === "trace" && <Trace frames={trace} zone={zone} />}
            {view === "plot" && <Chart frames={answer.frames} request={answer.request} zone={zone} span={span} onZoom={onZoom} />}
            {view === "query" && <Inspector answer={answer} request={answer.request} />}
            </Guard>
          </div>
        </>
      )}
    </div>
  );
}

// The page holds what it shows in the browser's memory.
function Truncated() {
  return (
    <p class="notice" role="note">
      The page stopped receiving at {MAX_ROWS.toLocaleString("en")} rows. To get the rest, download Parquet or Arrow, which hold all rows,
      or run what <b>Copy as</b> gives: the CLI with <code>-o parquet</code>, or Python.
    </p>
  );
}

function Welcome({ plugin }) {
  if (!plugin) return null;
  return (
    <div class="empty">
      <p>Write a query, or take one of the examples, and press <kbd>Ctrl</kbd>+<kbd>Enter</kbd>.</p>
      <p class="hint">A click on a listed name writes it into the query. The address of this page is a link to the query.</p>
    </div>
  );
}

function Empty({ range }) {
  return <div class="empty"><p>No rows.</p><p class="hint">The time range is {range.from} to {range.to}.</p></div>;
}
