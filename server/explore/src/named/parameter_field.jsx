import { useEffect, useState } from "preact/hooks";
import { json } from "../api.js";
import { Field } from "../sources/field.jsx";

const TYPES = { integer: "integer", number: "number", boolean: "boolean" };

// One parameter of a named query as a form field. What is not filled in is `undefined`: the default applies.
export function ParameterField({ queryId, parameter, value, error, onChange }) {
  const [choices, setChoices] = useState(parameter.choices);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    if (!parameter.choicesFrom) return;
    const path = `/api/queries/${queryId}/parameters/${parameter.name}/choices`;
    json("GET", path).then((found) => setChoices(found.choices), (failed) => setFailure(failed.message));
  }, [queryId, parameter.name]);
  const name = parameter.title || parameter.name;
  const required = parameter.default === undefined;
  if (parameter.list) return <ListField {...{ name, parameter, required, value, error, onChange }} />;
  const hint = parameter.type === "time" ? "A time such as 2026-01-31, or now-1d" : parameter.type === "duration" ? "A duration such as 5m" : "";
  const schema = {
    type: TYPES[parameter.type] ?? "string",
    default: parameter.default,
    description: [parameter.description, hint].filter(Boolean).join(" "),
    minimum: parameter.minimum,
    maximum: parameter.maximum,
    ...(parameter.type === "choice" ? { enum: choices ?? [] } : {}),
  };
  return <Field {...{ name, schema, required, value, onChange }} error={error || failure} />;
}

// One item a line: an item may hold commas.
function ListField({ name, parameter, required, value, error, onChange }) {
  const read = (text) => onChange(text === "" ? undefined : text.split("\n").filter((line) => line !== ""));
  return (
    <label>
      <span>
        {name}{required && <span class="required" title="required"> *</span>}
        <small>{[parameter.description, "One a line."].filter(Boolean).join(" ")}</small>
        {error && <small class="error" role="alert">{error}</small>}
      </span>
      <textarea rows="3" required={required} placeholder={(parameter.default ?? []).join("\n")} value={(value ?? []).join("\n")} onChange={(event) => read(event.target.value)} />
    </label>
  );
}
