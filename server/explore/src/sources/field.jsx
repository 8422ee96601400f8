import { useState } from "preact/hooks";

// One key of a JSON Schema as a form field. Clearing it hands `undefined` on: the default applies.
export function Field({ name, schema, hint, value, required, error, onChange }) {
  const fallback = schema.default;
  const about = error ? { "aria-invalid": true, title: hint } : { title: hint };
  const label = (
    <span>
      {name}{required && <span class="required" title="required"> *</span>}
      {schema.description && <small>{schema.description}</small>}
      {error && <small class="error" role="alert">{error}</small>}
    </span>
  );
  if (schema.type === "boolean") {
    return (
      <label class="check">
        <input type="checkbox" {...about} checked={value ?? fallback ?? false} onChange={(event) => onChange(event.target.checked === (fallback ?? false) ? undefined : event.target.checked)} />
        {label}
      </label>
    );
  }
  if (schema.enum) {
    const usual = fallback ?? (schema.enum.includes("") ? "" : null);
    const choices = schema.enum.includes(usual) ? schema.enum : [usual, ...schema.enum];
    return (
      <label>
        {label}
        <select {...about} value={JSON.stringify(value ?? usual)} onChange={(event) => onChange(event.target.value === JSON.stringify(usual) ? undefined : JSON.parse(event.target.value))}>
          {choices.map((each) => <option key={String(each)} value={JSON.stringify(each)}>{each === null || each === "" ? "(default)" : String(each)}</option>)}
        </select>
      </label>
    );
  }
  if (schema.type === "integer" || schema.type === "number") {
    return (
      <label>
        {label}
        <input type="number" {...about} required={required} step={schema.type === "integer" ? 1 : "any"} min={schema.minimum} max={schema.maximum} placeholder={fallback} value={value ?? ""} onChange={(event) => onChange(event.target.value === "" ? undefined : Number(event.target.value))} />
      </label>
    );
  }
  if (schema.type === "string" || schema.anyOf?.some(({ type }) => type === "string")) {
    return <label>{label}<input {...about} required={required} placeholder={fallback} value={value ?? ""} onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value)} /></label>;
  }
  return <JsonField label={label} value={value} onChange={onChange} />;
}

// While it is typed it stays as typed, though it is no JSON yet; afterwards it is what the value is.
function JsonField({ label, value, onChange }) {
  const [typed, setTyped] = useState(null);
  const wrong = typed !== null && !isJson(typed);
  function change(text) {
    setTyped(text);
    if (isJson(text)) onChange(text.trim() === "" ? undefined : JSON.parse(text));
  }
  const text = typed ?? (value === undefined ? "" : JSON.stringify(value));
  return <label>{label}<input placeholder="JSON" aria-invalid={wrong} value={text} onInput={(event) => change(event.target.value)} onBlur={() => wrong || setTyped(null)} /></label>;
}

function isJson(text) {
  try {
    return text.trim() === "" || JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
}
