import { useMemo, useRef } from "preact/hooks";
import { Editor } from "./editor.jsx";
import { Hide } from "./hide.jsx";
import { InputNames } from "./input_names.js";

const KINDS = { sql: "SQL", math: "Math" };

// An expression over the queries above it.
export function ExpressionRow({ query, version, requestOf, onText, onExtra, onRemove, onRun }) {
  const latest = useRef(requestOf);
  latest.current = requestOf;
  const kind = query.extra.type;
  const language = useMemo(
    () => ({ queryTextKey: "$A / $B * 100", queryLanguage: kind === "sql" ? "sql" : "", names: new InputNames(() => latest.current(), query.refId) }),
    [kind, query.refId],
  );
  return (
    <div class="query" role="group" aria-label={`Expression ${query.refId}`}>
      <div class="query-head">
        <strong class="ref" title="Ref id">{query.refId}</strong>
        <select aria-label={`Kind of expression ${query.refId}`} value={kind} onChange={(event) => onExtra({ ...query.extra, type: event.target.value })}>
          {Object.entries(KINDS).map(([type, name]) => <option key={type} value={type}>{name}</option>)}
        </select>
        <span class="hint">{kind === "sql" ? "SELECT from the queries above by their letters" : "$A is what query A gives"}</span>
        <Hide query={query} onExtra={onExtra} />
        <button class="quiet" onClick={onRemove} aria-label={`Remove expression ${query.refId}`}>Remove</button>
      </div>
      <Editor uid={query.refId} plugin={language} label={`Expression ${query.refId}`} value={query.text} version={version} onChange={onText} onRun={onRun} />
    </div>
  );
}
