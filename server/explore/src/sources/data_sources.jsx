import { useEffect, useState } from "preact/hooks";
import { health, listPlugins, listSources, removeSource } from "../api.js";
import { pushPage, readState, writeState } from "../url.js";
import { Confirm } from "./confirm.jsx";
import { SourceForm } from "./source_form.jsx";

// The list, or the form of one that the address names. `may` says what the caller may do.
export function DataSources({ may, reload }) {
  const [sources, setSources] = useState(null);
  const [plugins, setPlugins] = useState([]);
  const [adding, setAdding] = useState(false);
  const [editing, setEditing] = useState(readState().edit ?? "");
  const [tested, setTested] = useState({});
  const [failure, setFailure] = useState("");
  const [removing, setRemoving] = useState(null);
  const refresh = () => listSources().then(setSources, (error) => setFailure(error.message));
  useEffect(() => {
    refresh();
    listPlugins().then(setPlugins, (error) => setFailure(error.message));
    const follow = () => {
      setAdding(false);
      setEditing(readState().edit ?? "");
    };
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);

  function edit(uid) {
    pushPage({ edit: uid });
    setEditing(uid);
  }
  function leave() {
    writeState({ edit: "" });
    setAdding(false);
    setEditing("");
    refresh();
    reload();
  }
  async function test(uid) {
    setTested((old) => ({ ...old, [uid]: { status: "…", message: "Testing" } }));
    const result = await health(uid);
    setTested((old) => ({ ...old, [uid]: result }));
  }
  async function remove(source) {
    setRemoving(null);
    try {
      await removeSource(source.uid);
      await Promise.all([refresh(), reload()]);
    } catch (error) {
      setFailure(error.message);
    }
  }
  function saved(uid, result) {
    setTested((old) => ({ ...old, [uid]: result }));
    leave();
  }

  if (!sources && !failure) return <main class="message">Loading…</main>;
  const edited = sources?.find((each) => each.uid === editing);
  if (adding) return <SourceForm plugins={plugins} uid="" type={plugins[0]?.id} onSaved={saved} onCancel={leave} />;
  if (edited && may.write && !edited.readOnly) return <SourceForm key={editing} plugins={plugins} uid={edited.uid} type={edited.type} onSaved={saved} onCancel={leave} />;
  return (
    <main class="sources">
      {failure && <p class="error" role="alert">{failure}</p>}
      <h1>Data sources</h1>
      {editing && <p class="notice" role="alert">{unchangeable(editing, edited)}</p>}
      {may.write && <p><button class="primary" onClick={() => setAdding(true)} disabled={!plugins.length}>Add</button></p>}
      <ul>
        {sources?.map((source) => (
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
              {may.write && !source.readOnly && <button onClick={() => edit(source.uid)} aria-label={`Edit ${source.name}`}>Edit</button>}
              {may.write && !source.readOnly && <button onClick={() => setRemoving(source)} aria-label={`Remove ${source.name}`}>Remove</button>}
            </span>
          </li>
        ))}
      </ul>
      {sources?.length === 0 && <p class="empty">There is none yet.{may.write ? " Add a database, or the test data, which needs no server." : ""}</p>}
      {removing && <Confirm question={`Remove the data source ${removing.name} and its secrets?`} action="Remove" onYes={() => remove(removing)} onNo={() => setRemoving(null)} />}
    </main>
  );
}

// A link may lead to a form that cannot be shown.
function unchangeable(uid, source) {
  if (!source) return `There is no data source ${uid} that you may see.`;
  return source.readOnly ? `${source.name} is provisioned: change it where its file is.` : `You may not change ${source.name}.`;
}
