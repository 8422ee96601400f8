import { useEffect, useRef, useState } from "preact/hooks";
import { json } from "../api.js";
import { Unbound } from "../variables/bind.js";
import { ParameterForm } from "./parameter_form.jsx";
import { asNamed, parameterOf, withPlaces } from "./parameters.js";

// Saves `asked`, a query of the page, as a named query, its variables as parameters. `onOpen` shows one by its id.
export function SaveAsNamed({ asked, range, plugin, variables, values, onOpen }) {
  const [open, setOpen] = useState(false);
  const [saved, setSaved] = useState("");
  return (
    <>
      <button class="quiet" onClick={() => (setSaved(""), setOpen(true))}>Save as named</button>
      {saved && <span role="status" class="said">Saved. <button class="quiet" onClick={() => onOpen(saved)}>Open {saved}</button></span>}
      {open && <SaveDialog {...{ asked, range, plugin, variables, values }} onSaved={setSaved} onClose={() => setOpen(false)} />}
    </>
  );
}

function SaveDialog({ asked, range, plugin, variables, values, onSaved, onClose }) {
  const dialog = useRef(null);
  const [{ query, found, refused }] = useState(() => read(asked, plugin, variables, values));
  const [about, setAbout] = useState({ id: "", title: "", description: "" });
  const [parameters, setParameters] = useState(found);
  const [named, setNamed] = useState([]);
  const [failure, setFailure] = useState({ message: refused, place: "" });
  useEffect(() => {
    dialog.current.showModal();
    json("GET", "/api/queries").then(setNamed, () => {});
  }, []);
  const at = Number(/^parameters\[(\d+)\]/.exec(failure.place)?.[1] ?? -1);
  const places = Object.keys(query).filter((key) => key !== plugin.queryTextKey && !query[key]?.$param);

  async function save(event) {
    event.preventDefault();
    setFailure({ message: "", place: "" });
    try {
      const body = { ...about, datasource: { uid: asked.datasource.uid }, query: withPlaces(query, parameters), parameters: parameters.map(parameterOf), timeRange: range };
      await json("POST", "/api/queries", { body });
      onSaved(about.id);
      dialog.current.close();
    } catch (error) {
      setFailure(error);
    }
  }
  const text = (key) => ({ value: about[key], onInput: (event) => setAbout({ ...about, [key]: event.target.value }) });
  const change = (index, next) => setParameters(parameters.map((each, place) => (place === index ? next : each)));
  return (
    <dialog ref={dialog} class="wide" onClose={onClose} aria-labelledby="save-as-named">
      <form class="named" onSubmit={save}>
        <strong id="save-as-named">Save query {asked.refId} as named query</strong>
        <div class="fields">
          <label>Id<input required autofocus pattern="[a-zA-Z0-9_\-]{1,40}" title="Letters, digits, hyphens and underscores" {...text("id")} /></label>
          <label>Title<input maxlength="190" {...text("title")} /></label>
          <label>Description<input {...text("description")} /></label>
        </div>
        {parameters.map((draft, index) => (
          <ParameterForm
            key={index} draft={draft} places={places} named={named} error={index === at ? failure.message : ""} onChange={(next) => change(index, next)}
            onRemove={draft.isOwn ? () => setParameters(parameters.filter((each) => each !== draft)) : null}
          />
        ))}
        {!parameters.length && <p class="hint">Those who run it give no values. A variable that the query uses becomes a parameter here; so does what you add.</p>}
        {failure.message && at < 0 && <p class="error" role="alert">{failure.message}</p>}
        <p class="actions">
          <button class="primary" disabled={refused !== ""}>Save</button>
          <button type="button" onClick={() => setParameters([...parameters, { name: "", type: "text", isOwn: true }])}>Add parameter</button>
          <button type="button" onClick={() => dialog.current.close()}>Cancel</button>
        </p>
      </form>
    </dialog>
  );
}

function read(asked, plugin, variables, values) {
  try {
    const { query, parameters } = asNamed(asked, plugin, variables, values);
    return { query, found: parameters, refused: "" };
  } catch (error) {
    if (error instanceof Unbound) return { query: {}, found: [], refused: error.message };
    throw error;
  }
}
