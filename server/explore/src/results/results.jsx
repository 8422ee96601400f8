import { useEffect, useState } from "preact/hooks";
import { MAX_ROWS, asSeries, asTable, notices } from "../frames.js";
import { Plot } from "./plot.jsx";
import { Table } from "./table.jsx";
import { Downloads } from "./downloads.jsx";

export function Results({ answer, request }) {
  const [view, setView] = useState("table");
  const [now, setNow] = useState(0);
  const plottable = answer.frames.some((frame) => frame.fields.some((field) => field.type === "time") && frame.fields.some((field) => field.type === "number"));
  const shown = plottable ? view : "table";

  useEffect(() => {
    if (answer.status !== "running") return;
    const timer = setInterval(() => setNow((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, [answer.status]);

  if (answer.status === "idle") return null;
  const table = asTable(answer.frames);
  return (
    <div class="results">
      <p class={`status ${answer.status}`} role="status" data-tick={now}>{summary(answer)}</p>
      {answer.error && <p class="error" role="alert">{answer.error}</p>}
      {answer.truncated && <p class="notice">Only the first {MAX_ROWS.toLocaleString()} rows are shown; downloads hold all.</p>}
      {notices(answer.frames).map((notice) => <p class={`notice ${notice.severity ?? ""}`}>{notice.text}</p>)}
      {table.fields.length > 0 && (
        <>
          <div class="tabs" role="tablist">
            <button role="tab" aria-selected={shown === "table"} onClick={() => setView("table")}>Table</button>
            <button role="tab" aria-selected={shown === "plot"} disabled={!plottable} onClick={() => setView("plot")}>Plot</button>
            {answer.status !== "running" && <Downloads table={table} request={request} />}
          </div>
          {shown === "table" ? <Table frame={table} /> : <Plot {...asSeries(answer.frames)} />}
        </>
      )}
    </div>
  );
}

function summary({ status, rows, ms }) {
  const counted = `${rows.toLocaleString()} row${rows === 1 ? "" : "s"} in ${(ms / 1000).toFixed(2)} s`;
  const words = { running: `Running… ${counted} so far`, done: counted, cancelled: `Cancelled after ${counted}`, failed: "Failed" };
  return words[status];
}
