import { useState } from "preact/hooks";
import { byteCount, plural } from "../values.js";

// The query as the data source got it, macros expanded, and what came back.
export function Inspector({ answer, request }) {
  const byRefId = Map.groupBy ? Map.groupBy(answer.frames, (frame) => frame.refId) : new Map([["A", answer.frames]]);
  return (
    <div class="inspector">
      {[...byRefId].map(([refId, frames]) => {
        const executed = [...new Set(frames.map((frame) => frame.meta?.executedQueryString).filter(Boolean))];
        const rows = frames.reduce((sum, frame) => sum + frame.length, 0);
        return (
          <section key={refId} aria-label={`Query ${refId}`}>
            <h2>Query {refId} <small>{plural(frames.filter((frame) => frame.fields.length).length, "frame")}, {plural(rows, "row")}</small></h2>
            {executed.length ? executed.map((text) => <Code key={text} label="Executed query" text={text} />) : <p class="hint">The data source does not tell what it executed.</p>}
          </section>
        );
      })}
      <section aria-label="Request">
        <h2>Request <small>{answer.requestId} · {byteCount(answer.bytes)} · {answer.ms.toFixed(0)} ms</small></h2>
        <Code label="Request body" text={JSON.stringify(request, null, 2)} />
      </section>
    </div>
  );
}

function Code({ label, text }) {
  const [copied, setCopied] = useState(false);
  function copy() {
    navigator.clipboard.writeText(text).then(() => setCopied(true), () => {});
    setTimeout(() => setCopied(false), 2000);
  }
  return (
    <div class="code">
      <button class="quiet" onClick={copy} aria-label={`Copy ${label.toLowerCase()}`}>{copied ? "Copied" : "Copy"}</button>
      <pre tabIndex={0} role="region" aria-label={label}>{text}</pre>
    </div>
  );
}
