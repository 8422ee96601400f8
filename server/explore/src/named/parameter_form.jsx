import { BOUNDED, PARAMETER_TYPES } from "./parameters.js";

// Says what a parameter of a named query takes. `onRemove` is there for one that the query does not name by itself,
// `places` are the options that it may stand for.
export function ParameterForm({ draft, places, named, error, onChange, onRemove }) {
  const { name, type, list, isOwn } = draft;
  const set = (key) => (event) => onChange({ ...draft, [key]: event.target.type === "checkbox" ? event.target.checked : event.target.value });
  const field = (key, label, hint = "") => <label><span>{label}{hint && <small>{hint}</small>}</span><input value={draft[key] ?? ""} onInput={set(key)} /></label>;
  return (
    <fieldset class="parameter">
      <legend>{name ? `Parameter ${name}` : "New parameter"}</legend>
      <div class="fields">
        {isOwn && <label>Name<input required value={name} onInput={set("name")} /></label>}
        {isOwn && <label>Stands for<select value={draft.place ?? ""} onChange={set("place")}><option value="">its placeholder in the query</option>{places.map((each) => <option key={each} value={each}>{each}</option>)}</select></label>}
        {field("title", "Title")}
        <label>Type<select value={type} onChange={set("type")}>{PARAMETER_TYPES.map((each) => <option key={each} value={each}>{each}</option>)}</select></label>
        {type === "boolean" && !list ? (
          <label>Default<select value={draft.default ?? ""} onChange={set("default")}><option value="">(required)</option><option value="true">true</option><option value="false">false</option></select></label>
        ) : list ? (
          <label><span>Default<small>One a line; empty: required.</small></span><textarea rows="2" value={draft.default ?? ""} onInput={set("default")} /></label>
        ) : field("default", "Default", "Empty: required.")}
        {BOUNDED.has(type) && field("minimum", "Minimum")}
        {BOUNDED.has(type) && field("maximum", "Maximum")}
        {type === "choice" && <label>Choices from<select value={draft.choicesFrom ?? ""} onChange={set("choicesFrom")}><option value="">the list below</option>{named.map(({ id, title }) => <option key={id} value={id}>{title || id}</option>)}</select></label>}
        {type === "choice" && !draft.choicesFrom && <label><span>Choices<small>One a line.</small></span><textarea required rows="3" value={draft.choices ?? ""} onInput={set("choices")} /></label>}
        <label class="check"><input type="checkbox" checked={list === true} onChange={set("list")} /><span>Several values</span></label>
      </div>
      {error && <p class="error" role="alert">{error}</p>}
      {onRemove && <button type="button" class="quiet" onClick={onRemove}>Remove parameter</button>}
    </fieldset>
  );
}
