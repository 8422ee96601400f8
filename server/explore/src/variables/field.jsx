import { useEffect, useState } from "preact/hooks";
import { isChosen } from "./values.js";

// The value of one variable as a form field. What is typed is kept while the page changes around it.
export function VariableField({ variable, state, onValue }) {
  const { name, type, multi, value } = variable;
  const [typed, setTyped] = useState(null);
  useEffect(() => setTyped(null), [value]);
  const wrong = state.failure ? { "aria-invalid": true, title: state.failure } : {};
  const shown = typed ?? value ?? "";
  const input = (event) => setTyped(event.target.value);
  const give = (given) => {
    setTyped(null);
    onValue(given);
  };
  if (isChosen(variable) && multi) return <Several {...{ variable, state, wrong, onValue }} />;
  return (
    <label>
      <span>{name}</span>
      {isChosen(variable) ? (
        <select {...wrong} disabled={!state.choices.length} value={String(state.value ?? "")} onChange={(event) => onValue(event.target.value)}>
          {!state.choices.length && <option value="">{state.isPending ? "Reading…" : "–"}</option>}
          {state.choices.map((each) => <option key={each} value={each}>{each === "" ? "(empty)" : each}</option>)}
          {state.isCut && <option disabled>{onlyFirst(state)}</option>}
        </select>
      ) : type === "number" ? (
        <input {...wrong} type="number" step="any" value={shown} onInput={input} onChange={(event) => give(event.target.value === "" ? null : Number(event.target.value))} />
      ) : (
        <input {...wrong} value={shown} onInput={input} onChange={(event) => give(event.target.value)} />
      )}
    </label>
  );
}

const onlyFirst = ({ choices }) => `Only the first ${choices.length.toLocaleString("en")}: have the query give fewer.`;

// Any number of the choices. Null is all of them, also those that come later.
function Several({ variable: { name, value }, state, wrong, onValue }) {
  const { choices } = state;
  const isAll = !Array.isArray(value);
  const chosen = isAll ? choices : choices.filter((each) => value.includes(each));
  const toggle = (each, isOn) => onValue(isOn ? [...chosen, each] : chosen.filter((other) => other !== each));
  const shown = state.isPending ? "Reading…" : isAll ? `All (${choices.length})` : chosen.join(", ") || "None";
  const leave = (event) => event.currentTarget.contains(event.relatedTarget) || event.currentTarget.removeAttribute("open");
  const escape = (event) => {
    if (event.key !== "Escape" || !event.currentTarget.open) return;
    event.currentTarget.removeAttribute("open");
    event.currentTarget.firstElementChild.focus();
    event.preventDefault();
  };
  return (
    <span class="multiple">
      <span id={`variable-${name}`}>{name}</span>
      <details onFocusOut={leave} onKeyDown={escape}>
        <summary {...wrong} aria-describedby={`variable-${name}`} aria-label={`${name}: ${shown}`}><span>{shown}</span></summary>
        <div class="choices" role="group" aria-labelledby={`variable-${name}`} tabIndex={-1}>
          <label class="check"><input type="checkbox" checked={isAll} onChange={(event) => onValue(event.target.checked ? null : [])} /> All</label>
          {choices.map((each) => (
            <label key={each} class="check"><input type="checkbox" checked={chosen.includes(each)} onChange={(event) => toggle(each, event.target.checked)} /> {each === "" ? "(empty)" : each}</label>
          ))}
          {state.isCut && <small class="hint">{onlyFirst(state)}</small>}
        </div>
      </details>
    </span>
  );
}
