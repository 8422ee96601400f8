import { useEffect, useRef, useState } from "preact/hooks";
import { SourceSelect } from "../sources/source_select.jsx";
import { INTERVALS, TYPES, isInterval, isName } from "./values.js";

// Says what a variable is. `taken` are the names of the others.
export function VariableDialog({ variable, taken, sources, onSave, onRemove, onClose }) {
  const dialog = useRef(null);
  const [draft, setDraft] = useState(variable);
  const [failure, setFailure] = useState("");
  const { name, type, multi } = draft;
  const set = (changes) => setDraft((old) => ({ ...old, ...changes }));
  useEffect(() => dialog.current.showModal(), []);
  function save(event) {
    event.preventDefault();
    const wrong = fault(draft, taken);
    setFailure(wrong);
    if (wrong) return;
    onSave(said(draft, variable));
    dialog.current.close();
  }
  function remove() {
    onRemove();
    dialog.current.close();
  }
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="variable-dialog">
      <form class="named" onSubmit={save}>
        <strong id="variable-dialog">{variable.name ? `Variable ${variable.name}` : "New variable"}</strong>
        <label><span>Name<small>Queries use it as ${name || "name"}, where a value may stand.</small></span><input autofocus required value={name} onInput={(event) => set({ name: event.target.value.trim() })} /></label>
        <label>Type<select value={type} onChange={(event) => set({ type: event.target.value, choices: event.target.value === "interval" ? INTERVALS : [] })}>{Object.entries(TYPES).map(([key, text]) => <option key={key} value={key}>{text}</option>)}</select></label>
        {(type === "list" || type === "interval") && (
          <label><span>Choices<small>{type === "list" ? "One a line." : "One a line, such as 5m; auto fits the time range."}</small></span><textarea rows="5" value={(draft.choices ?? []).join("\n")} onInput={(event) => set({ choices: event.target.value.split("\n") })} /></label>
        )}
        {type === "query" && (
          <>
            <label>Data source<SourceSelect sources={sources} value={draft.source ?? ""} onChange={(source) => set({ source })} /></label>
            <label><span>Query<small>Its first column of text is what may be chosen; of series, a label. Variables above may stand in it.</small></span><textarea class="code" rows="3" spellcheck={false} value={draft.text ?? ""} onInput={(event) => set({ text: event.target.value })} /></label>
          </>
        )}
        {(type === "list" || type === "query") && (
          <label class="check"><input type="checkbox" checked={multi === true} onChange={(event) => set({ multi: event.target.checked })} /><span>Several values<small>As a list: IN ($name) in SQL, =~$name in PromQL.</small></span></label>
        )}
        {failure && <p class="error" role="alert">{failure}</p>}
        <p class="actions">
          <button class="primary">{variable.name ? "Change" : "Add"}</button>
          {onRemove && <button type="button" onClick={remove}>Remove</button>}
          <button type="button" onClick={() => dialog.current.close()}>Cancel</button>
        </p>
      </form>
    </dialog>
  );
}

function fault({ name, type, choices = [], text = "", source }, taken) {
  if (!isName(name)) return "A name has letters, digits and _, begins with a letter, and is no capital letter alone: those are queries.";
  if (taken.includes(name)) return `There is a variable ${name} already.`;
  const wrong = type === "interval" && lines(choices).find((each) => !isInterval(each));
  if (wrong) return `${wrong} is no interval. Write digits and ms, s, m, h, d, w or y, such as 5m, or auto.`;
  if ((type === "list" || type === "interval") && !lines(choices).length) return "Give at least one choice.";
  if (type === "query" && (!text.trim() || !source)) return "Choose a data source and write a query.";
  return "";
}

// The keys of its type, and its value where that still means something.
function said({ name, type, choices, multi, source, text, value }, before) {
  const kept = before.type === type && (before.multi ?? false) === (multi ?? false) ? { value } : {};
  const several = multi ? { multi: true } : {};
  return {
    name, type, ...kept,
    ...(type === "list" && { choices: lines(choices), ...several }),
    ...(type === "interval" && { choices: lines(choices) }),
    ...(type === "query" && { source, text, ...several }),
  };
}

const lines = (choices) => [...new Set(choices.filter((each) => each !== ""))];
