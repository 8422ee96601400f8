import { useEffect, useState } from "preact/hooks";
import { health, listPlugins, removeSource } from "../api.js";
import { Confirm } from "./confirm.jsx";
import { SourceForm } from "./source_form.jsx";

export function DataSources({ sources, reload }) {
  const [plugins, setPlugins] = useState([]);
  const [editing, setEditing] = useState(null);
  const [tested, setTested] = useState({});
  const [failure, setFailure] = useState("");
  const [removing, setRemoving] = useState(null);
  useEffect(() => void listPlugins().then(setPlugins, (error) => setFailure(error.message)), []);

  async function test(uid) {
    setTested((old) => ({ ...old, [uid]: { status: "…", message: "Testing" } }));
    const result = await health(uid);
    setTested((old) => ({ ...old, [uid]: result }));
  }
  async function remove(source) {
    setRemoving(null);
    try {
      await removeSource(source.uid);
      await reload();
    } catch (error) {
      setFailure(error.message);
    }
  }
  async function saved(uid, result) {
    setEditing(null);
    await reload();
    setTested((old) => ({ ...old, [uid]: result }));
  }

  if (editing) return <SourceForm plugins={plugins} {...editing} onSaved={saved} onCancel={() => (setEditing(null), reload())} />;
  return (
    <main class="sources">
      {failure && <p class="error" role="alert">{failure}</p>}
      <h1>Data sources</h1>
      <p><button class="primary" onClick={() => setEditing({ uid: "", type: plugins[0]?.id })} disabled={!plugins.length}>Add</button></p>
      <ul>
        {sources.map((source) => (
          <li key={source.uid}>
            <div>
              <strong>{source.name}</strong> <small>{source.typeName ?? source.type}</small>
              {source.isDefault && <small class="badge">default</small>}
              {source.readOnly && <small class="badge">provisioned</small>}
              <div class="muted">{source.url}</div>
              {tested[source.uid] && <div role="status" class={`health ${tested[source.uid].status}`}>{tested[source.uid].status}: {tested[source.uid].message}</div>}
            </div>
            <span>
              <button onClick={() => test(source.uid)} aria-label={`Test ${source.name}`}>Test</button>
              {!source.readOnly && <button onClick={() => setEditing({ uid: source.uid, type: source.type })} aria-label={`Edit ${source.name}`}>Edit</button>}
              {!source.readOnly && <button onClick={() => setRemoving(source)} aria-label={`Remove ${source.name}`}>Remove</button>}
            </span>
          </li>
        ))}
      </ul>
      {!sources.length && <p class="empty">There is none yet. Add a database, or the test data, which needs no server.</p>}
      {removing && <Confirm question={`Remove the data source ${removing.name} and its secrets?`} action="Remove" onYes={() => remove(removing)} onNo={() => setRemoving(null)} />}
    </main>
  );
}
