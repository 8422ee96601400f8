import { useMemo, useRef } from "preact/hooks";
import { Failures } from "../results/failures.jsx";
import { Editor } from "./editor.jsx";
import { ExpressionForm, SERIES_KINDS, USUAL } from "./expression_form.jsx";
import { Hide } from "./hide.jsx";
import { InputNames } from "./input_names.js";

const KINDS = { sql: "SQL", math: "Math", reduce: "Reduce", resample: "Resample", threshold: "Threshold" };
const HINTS = {
  sql: "SELECT from the queries above by their letters",
  math: "$A is what query A gives",
  reduce: "One number of each series",
  resample: "Series at regular times, to compute with others",
  threshold: "1 where the condition holds, else 0",
};

const EXAMPLES = { sql: "SELECT … FROM A JOIN B USING (time)", math: "$A / $B * 100" };

// An expression over the queries above it, whose ref ids are `inputs`.
export function ExpressionRow({ query, inputs, version, errors, requestId, requestOf, onText, onExtra, onRemove, onRun }) {
  const latest = useRef(requestOf);
  latest.current = requestOf;
  const kind = query.extra.type;
  const language = useMemo(
    () => ({ hint: EXAMPLES[kind], queryLanguage: kind === "sql" ? "sql" : "", names: new InputNames(() => latest.current(), query.refId) }),
    [kind, query.refId],
  );
  const { hide } = query.extra;
  // What one kind says has no meaning to another.
  function change(type) {
    const isText = !SERIES_KINDS.has(type);
    if (isText === SERIES_KINDS.has(kind)) onText(isText ? "" : inputs.at(-1) ?? "");
    onExtra({ type, ...USUAL[type], ...(hide && { hide }) });
  }
  return (
    <div class="query several" role="group" aria-label={`Expression ${query.refId}`}>
      <div class="query-head">
        <strong class="ref" title="Ref id">{query.refId}</strong>
        <select aria-label={`Kind of expression ${query.refId}`} value={kind} onChange={(event) => change(event.target.value)}>
          {Object.entries(KINDS).map(([type, name]) => <option key={type} value={type}>{name}</option>)}
        </select>
        <span class="hint">{HINTS[kind]}</span>
        <Hide query={query} onExtra={onExtra} />
        <button class="quiet" onClick={onRemove} aria-label={`Remove expression ${query.refId}`}>Remove</button>
      </div>
      {SERIES_KINDS.has(kind)
        ? <ExpressionForm query={query} inputs={inputs} onText={onText} onExtra={onExtra} />
        : <Editor uid={query.refId} plugin={language} label={`Expression ${query.refId}`} value={query.text} version={version} onChange={onText} onRun={onRun} />}
      <Failures errors={errors} requestId={requestId} />
    </div>
  );
}
