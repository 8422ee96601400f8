import { useEffect, useState } from "preact/hooks";
import { addSource, pluginSettings, readSource, updateSource } from "../api.js";
import { Field } from "./field.jsx";

const TOP_LEVEL = [["url", "Address"], ["user", "User"], ["database", "Database"]];
const NEW = { name: "", access: "proxy", url: "", user: "", database: "", isDefault: false, jsonData: {}, secureJsonFields: {} };

// A data source's form, made from the plugin's settings schema. Secrets are only ever written: one that is
// set shows as such, and an empty field leaves it as it is.
export function SourceForm({ plugins, uid, type: initialType, onSaved, onCancel }) {
  const [type, setType] = useState(initialType);
  const [plugin, setPlugin] = useState(null);
  const [source, setSource] = useState(uid ? null : NEW);
  const [secrets, setSecrets] = useState({});
  const [failure, setFailure] = useState("");

  useEffect(() => void pluginSettings(type).then(setPlugin, (error) => setFailure(error.message)), [type]);
  useEffect(() => {
    if (uid) readSource(uid).then(setSource, (error) => setFailure(error.message));
  }, [uid]);

  if (failure && !source) return <main class="message error" role="alert">{failure}</main>;
  if (!plugin || !source) return <main class="message">Loading…</main>;
  const set = (changes) => setSource((old) => ({ ...old, ...changes }));
  const properties = Object.entries(plugin.settingsSchema.properties ?? {});

  async function save(event) {
    event.preventDefault();
    setFailure("");
    const body = { ...source, type, secureJsonData: secrets };
    try {
      const saved = await (uid ? updateSource(uid, body) : addSource(body));
      await onSaved(saved.datasource.uid);
    } catch (error) {
      setFailure(error.message);
    }
  }

  return (
    <main class="form">
      <h1>{uid ? `Edit ${source.name}` : "Add a data source"}</h1>
      <form onSubmit={save}>
        <label>
          <span>Type</span>
          <select value={type} disabled={!!uid} onChange={(event) => (setType(event.target.value), set({ jsonData: {} }), setSecrets({}))}>
            {plugins.map((each) => <option value={each.id}>{each.name}</option>)}
          </select>
        </label>
        <label><span>Name</span><input required value={source.name} onInput={(event) => set({ name: event.target.value })} /></label>
        {TOP_LEVEL.map(([key, label]) => <label><span>{label}</span><input value={source[key] ?? ""} onInput={(event) => set({ [key]: event.target.value })} /></label>)}
        <label class="check"><input type="checkbox" checked={source.isDefault} onChange={(event) => set({ isDefault: event.target.checked })} /><span>Default data source</span></label>
        <h2>Settings</h2>
        <div class="fields">
          {properties.filter(([, schema]) => !schema.writeOnly).map(([key, schema]) => (
            <Field key={key} name={key} schema={schema} value={source.jsonData?.[key]} onChange={(next) => {
              const { [key]: _, ...rest } = source.jsonData ?? {};
              set({ jsonData: next === undefined ? rest : { ...rest, [key]: next } });
            }} />
          ))}
        </div>
        {plugin.secretKeys.length > 0 && <h2>Secrets</h2>}
        <div class="fields">
          {properties.filter(([, schema]) => schema.writeOnly).map(([key, schema]) => (
            <label>
              <span>{key}<small>{schema.description}</small></span>
              <input type="password" autocomplete="new-password" placeholder={source.secureJsonFields?.[key] ? "set; leave empty to keep it" : "not set"} value={secrets[key] ?? ""} onInput={(event) => {
                const { [key]: _, ...rest } = secrets;
                setSecrets(event.target.value ? { ...rest, [key]: event.target.value } : rest);
              }} />
            </label>
          ))}
        </div>
        {failure && <p class="error" role="alert">{failure}</p>}
        <p><button class="primary">Save and test</button> <button type="button" onClick={onCancel}>Cancel</button></p>
      </form>
    </main>
  );
}
