import { useEffect, useState } from "preact/hooks";
import { health, listPlugins, removeSource } from "../api.js";
import { SourceForm } from "./source_form.jsx";

export function DataSources({ sources, reload }) {
  const [plugins, setPlugins] = useState([]);
  const [editing, setEditing] = useState(null);
  const [tested, setTested] = useState({});
  const [failure, setFailure] = useState("");
  useEffect(() => void listPlugins().then(setPlugins, (error) => setFailure(error.message)), []);

  async function test(uid) {
    setTested((old) => ({ ...old, [uid]: { status: "…", message: "Testing" } }));
    const result = await health(uid);
    setTested((old) => ({ ...old, [uid]: result }));
  }
  async function remove(source) {
    if (!confirm(`Remove the data source ${source.name} and its secrets?`)) return;
    try {
      await removeSource(source.uid);
      await reload();
    } catch (error) {
      setFailure(error.message);
    }
  }
  async function saved(uid) {
    setEditing(null);
    await reload();
    await test(uid);
  }

  if (editing) return <SourceForm plugins={plugins} {...editing} onSaved={saved} onCancel={() => setEditing(null)} />;
  return (
    <main class="sources">
      {failure && <p class="error" role="alert">{failure}</p>}
      <h1>Data sources <button class="primary" onClick={() => setEditing({ uid: "", type: plugins[0]?.id })} disabled={!plugins.length}>Add</button></h1>
      <ul>
        {sources.map((source) => (
          <li>
            <div>
              <strong>{source.name}</strong> <small>{source.typeName ?? source.type}</small>
              {source.isDefault && <small class="badge">default</small>}
              {source.readOnly && <small class="badge">provisioned</small>}
              <div class="muted">{source.url}</div>
              {tested[source.uid] && <div role="status" class={`health ${tested[source.uid].status}`}>{tested[source.uid].status}: {tested[source.uid].message}</div>}
            </div>
            <span>
              <button onClick={() => test(source.uid)}>Test</button>
              {!source.readOnly && <button onClick={() => setEditing({ uid: source.uid, type: source.type })}>Edit</button>}
              {!source.readOnly && <button onClick={() => remove(source)}>Remove</button>}
            </span>
          </li>
        ))}
      </ul>
      {!sources.length && <p>There is none yet.</p>}
    </main>
  );
}
