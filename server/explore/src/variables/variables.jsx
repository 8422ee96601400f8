import { useState } from "preact/hooks";
import { VariableDialog } from "./dialog.jsx";
import { VariableField } from "./field.jsx";

// The variables of the page, as form fields above the queries. `values` are what `useValues` says.
export function Variables({ variables, values, sources, onChange }) {
  const [edited, setEdited] = useState(null);
  if (!variables.length) return null;
  const set = (name, changes) => onChange(variables.map((each) => (each.name === name ? { ...each, ...changes } : each)));
  return (
    <div class="variables" role="group" aria-label="Variables">
      {variables.map((variable) => (
        <span key={variable.name} class="variable">
          <VariableField variable={variable} state={values[variable.name]} onValue={(value) => set(variable.name, { value })} />
          <button class="quiet" aria-label={`Edit variable ${variable.name}`} title="Edit" onClick={() => setEdited(variable)}>✎</button>
        </span>
      ))}
      {edited && (
        <VariableDialog
          variable={edited} sources={sources} taken={variables.filter((each) => each.name !== edited.name).map(({ name }) => name)} onClose={() => setEdited(null)}
          onSave={(next) => onChange(variables.map((each) => (each.name === edited.name ? next : each)))}
          onRemove={() => onChange(variables.filter((each) => each.name !== edited.name))}
        />
      )}
    </div>
  );
}

// Adds one.
export function AddVariable({ variables, sources, usual, onChange }) {
  const [open, setOpen] = useState(false);
  const fresh = { name: "", type: "text", value: "", source: usual };
  return (
    <>
      <button class="quiet" title="A value that queries use as $name, with a field above them" onClick={() => setOpen(true)}>+ Variable</button>
      {open && <VariableDialog variable={fresh} sources={sources} taken={variables.map(({ name }) => name)} onClose={() => setOpen(false)} onSave={(next) => onChange([...variables, next])} />}
    </>
  );
}
