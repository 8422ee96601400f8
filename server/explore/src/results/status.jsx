import { useEffect, useState } from "preact/hooks";
import { byteCount, plural } from "../values.js";

// How far a run is, and how it ended. Only the end is announced: counting would talk all the time.
export function Status({ answer }) {
  const [, tick] = useState(0);
  const running = answer.status === "running";
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => tick((count) => count + 1), 100);
    return () => clearInterval(timer);
  }, [running]);
  const { rows, totalRows } = answer.progress ?? {};
  return (
    <div class={`status-line ${answer.status}`}>
      {running && <progress aria-label="Progress" {...(totalRows ? { value: Math.min(rows, totalRows), max: totalRows } : {})} />}
      {running && <p class="working">{working(answer)}</p>}
      <p class={`status ${answer.status}`} role="status">{running ? "" : ended(answer)}</p>
    </div>
  );
}

function working({ started, rows, bytes, progress }) {
  const parts = [`Running ${seconds(performance.now() - started)}`];
  if (progress) {
    const of = progress.totalRows ? ` of ${progress.totalRows.toLocaleString("en")}` : "";
    parts.push(`${progress.rows.toLocaleString("en")}${of} rows read${progress.bytes ? ` (${byteCount(progress.bytes)})` : ""}`);
  }
  parts.push(rows ? `${plural(rows, "row")} received (${byteCount(bytes)})` : "no rows yet");
  return parts.join(" · ");
}

function ended({ status, rows, bytes, ms }) {
  const counted = `${plural(rows, "row")} in ${seconds(ms)}${bytes > 100_000 ? ` · ${byteCount(bytes)}` : ""}`;
  return { done: counted, cancelled: `Cancelled after ${counted}`, stopped: `Stopped after ${counted}`, failed: `Failed after ${counted}` }[status];
}

const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
