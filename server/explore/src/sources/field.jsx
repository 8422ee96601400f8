import { useState } from "preact/hooks";

// One key of a JSON Schema as a form field. Clearing it hands `undefined` on: the default applies.
export function Field({ name, schema, value, onChange }) {
  const fallback = schema.default;
  const label = <span>{name}{schema.description && <small>{schema.description}</small>}</span>;
  if (schema.type === "boolean") {
    return (
      <label class="check">
        <input type="checkbox" checked={value ?? fallback ?? false} onChange={(event) => onChange(event.target.checked === (fallback ?? false) ? undefined : event.target.checked)} />
        {label}
      </label>
    );
  }
  if (schema.enum) {
    return (
      <label>
        {label}
        <select value={JSON.stringify(value ?? fallback ?? "")} onChange={(event) => onChange(JSON.parse(event.target.value))}>
          {schema.enum.map((each) => <option value={JSON.stringify(each)}>{String(each) || "(default)"}</option>)}
        </select>
      </label>
    );
  }
  if (schema.type === "integer" || schema.type === "number") {
    return (
      <label>
        {label}
        <input type="number" step={schema.type === "integer" ? 1 : "any"} min={schema.minimum} max={schema.maximum} placeholder={fallback} value={value ?? ""} onChange={(event) => onChange(event.target.value === "" ? undefined : Number(event.target.value))} />
      </label>
    );
  }
  if (schema.type === "string" || schema.anyOf) {
    return <label>{label}<input placeholder={fallback} value={value ?? ""} onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value)} /></label>;
  }
  return <JsonField label={label} value={value} onChange={onChange} />;
}

function JsonField({ label, value, onChange }) {
  const [text, setText] = useState(value === undefined ? "" : JSON.stringify(value));
  const [wrong, setWrong] = useState(false);
  function change(next) {
    setText(next);
    try {
      onChange(next.trim() === "" ? undefined : JSON.parse(next));
      setWrong(false);
    } catch {
      setWrong(true);
    }
  }
  return <label>{label}<input placeholder="JSON" aria-invalid={wrong} value={text} onInput={(event) => change(event.target.value)} /></label>;
}
