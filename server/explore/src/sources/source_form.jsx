import { useEffect, useState } from "preact/hooks";
import { addSource, health, pluginSettings, readSource, updateSource } from "../api.js";
import { Field } from "./field.jsx";
import { SecretField } from "./secret_field.jsx";

const TOP_LEVEL = [["url", "Address"], ["user", "User"], ["database", "Database"], ["basicAuthUser", "User of basic authentication"]];
const NEW = { name: "", access: "proxy", url: "", user: "", database: "", isDefault: false, jsonData: {}, secureJsonFields: {} };
const UNKNOWN = { settingsSchema: {}, secretKeys: [], connection: {} };

// A data source's form, made from the plugin's settings schema.
export function SourceForm({ plugins, uid: initialUid, type: initialType, onSaved, onCancel }) {
  const [uid, setUid] = useState(initialUid);
  const [type, setType] = useState(initialType);
  const [plugin, setPlugin] = useState(null);
  const [source, setSource] = useState(initialUid ? null : NEW);
  const [secrets, setSecrets] = useState({});
  const [failure, setFailure] = useState(null);

  useEffect(() => {
    let wanted = true;
    pluginSettings(type).then((described) => wanted && setPlugin({ ...described, type }), (error) => wanted && setFailure(error));
    return () => void (wanted = false);
  }, [type]);
  useEffect(() => {
    if (initialUid) readSource(initialUid).then(setSource, setFailure);
  }, [initialUid]);

  if (failure && !source) return <main class="message error" role="alert">{failure.message}</main>;
  if (!plugin || !source) return <main class="message">Loading…</main>;
  const set = (changes) => setSource((old) => ({ ...old, ...changes }));
  // Until another type is described, there is no field that could be taken for one of its own.
  const loading = plugin.type !== type;
  const { settingsSchema, secretKeys, connection: used } = loading ? UNKNOWN : plugin;
  const properties = Object.entries(settingsSchema.properties ?? {}).filter(([key]) => !TOP_LEVEL.some(([top]) => top === key));
  const required = new Set(settingsSchema.required ?? []);
  // A plugin says which of these it uses; one that does not say gets the usual three.
  const connection = used ?? { url: "", user: "", database: "" };
  const topLevel = TOP_LEVEL.filter(([key]) => key in connection || source[key] || required.has(key));
  // The place that the host names, such as `jsonData.maxOpenConns`, ends in the field's key.
  const place = failure?.status === 409 ? "name" : failure?.place?.split(".").pop() ?? "";
  const errorAt = (key) => (failure && place === key ? failure.message : "");
  const placed = [...topLevel.map(([key]) => key), "name", ...properties.map(([key]) => key)].includes(place);

  async function save(event) {
    event.preventDefault();
    setFailure(null);
    const body = { ...source, type, secureJsonData: secrets };
    try {
      const { datasource } = await (uid ? updateSource(uid, body) : addSource(body));
      const tried = await health(datasource.uid);
      const key = wrongSetting(tried);
      if (!properties.some(([each]) => each === key)) return void (await onSaved(datasource.uid, tried));
      setUid(datasource.uid);
      setSource(datasource);
      setSecrets({});
      setFailure({ message: tried.message, place: key });
    } catch (error) {
      setFailure(error);
    }
  }
  function change(key, next) {
    const { [key]: _, ...rest } = source.jsonData ?? {};
    set({ jsonData: next === undefined ? rest : { ...rest, [key]: next } });
  }
  function changeSecret(key, next) {
    const { [key]: _, ...rest } = secrets;
    setSecrets(next === undefined ? rest : { ...rest, [key]: next });
  }
  const text = (key, label, isRequired, about) => (
    <label key={key}>
      <span>{label}{isRequired && <span class="required" title="required"> *</span>}{about && <small>{about}</small>}{errorAt(key) && <small class="error" role="alert">{errorAt(key)}</small>}</span>
      <input required={isRequired} aria-invalid={errorAt(key) ? true : undefined} value={source[key] ?? ""} onInput={(event) => set(typed(key, event.target.value))} />
    </label>
  );

  return (
    <main class="form">
      <h1>{uid ? `Edit ${source.name}` : "Add a data source"}</h1>
      <form onSubmit={save}>
        <label>
          <span>Type</span>
          <select value={type} disabled={!!uid} onChange={(event) => (setType(event.target.value), set({ jsonData: {} }), setSecrets({}), setFailure(null))}>
            {plugins.map((each) => <option key={each.id} value={each.id}>{each.name}</option>)}
          </select>
        </label>
        {text("name", "Name", true)}
        {topLevel.map(([key, label]) => text(key, label, required.has(key), connection[key]))}
        <label class="check"><input type="checkbox" checked={source.isDefault} onChange={(event) => set({ isDefault: event.target.checked })} /><span>Default data source</span></label>
        {secretKeys.length > 0 && <h2>Secrets</h2>}
        <div class="fields">
          {properties.filter(([, schema]) => schema.writeOnly).map(([key, schema]) => (
            <SecretField key={key} name={key} description={schema.description} isSet={!!source.secureJsonFields?.[key]} value={secrets[key]} error={errorAt(key)} onChange={(next) => changeSecret(key, next)} />
          ))}
        </div>
        <details open={placed || properties.length < 8}>
          <summary>Settings</summary>
          <div class="fields">
            {properties.filter(([, schema]) => !schema.writeOnly).map(([key, schema]) => (
              <Field key={key} name={key} schema={schema} required={required.has(key)} error={errorAt(key)} value={source.jsonData?.[key]} onChange={(next) => change(key, next)} />
            ))}
          </div>
        </details>
        {failure && !placed && <p class="error" role="alert">{failure.message}</p>}
        <p class="actions"><button class="primary" disabled={loading}>Save and test</button> <button type="button" onClick={onCancel}>Cancel</button></p>
      </form>
    </main>
  );
}

function typed(key, value) {
  return key === "basicAuthUser" ? { [key]: value, basicAuth: value !== "" } : { [key]: value };
}

// Settings are the plugin's to judge: it names a wrong one when it is tried, as `jsonData.maxOpenConns: …`.
function wrongSetting({ status, message }) {
  return status === "OK" ? "" : message.match(/^(?:jsonData|secureJsonData)[.:]\s*(\w+)/)?.[1] ?? "";
}
