import { useEffect, useRef, useState } from "preact/hooks";
import { json } from "../api.js";

// Saves `query` of a request as a named query. Parameters are added in its file, or over the API.
export function SaveAsNamed({ request, query }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button class="quiet" onClick={() => setOpen(true)}>Save as named</button>
      {open && <SaveDialog request={request} asked={query} onClose={() => setOpen(false)} />}
    </>
  );
}

function SaveDialog({ request, asked, onClose }) {
  const dialog = useRef(null);
  const [id, setId] = useState("");
  const [title, setTitle] = useState("");
  const [failure, setFailure] = useState("");
  useEffect(() => dialog.current.showModal(), []);
  async function save(event) {
    event.preventDefault();
    setFailure("");
    const { refId, datasource, maxDataPoints, hide, ...query } = request.queries.find((each) => each.refId === asked.refId);
    try {
      const timeRange = { from: request.from, to: request.to };
      await json("POST", "/api/queries", { body: { id, title, datasource: { uid: datasource.uid }, query, timeRange } });
      dialog.current.close();
    } catch (error) {
      setFailure(error.message);
    }
  }
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="save-as-named">
      <form class="named" onSubmit={save}>
        <strong id="save-as-named">Save as named query</strong>
        <label>Id<input required autofocus pattern="[a-zA-Z0-9_\-]{1,40}" title="Letters, digits, hyphens and underscores" value={id} onInput={(event) => setId(event.target.value)} /></label>
        <label>Title<input maxlength="190" value={title} onInput={(event) => setTitle(event.target.value)} /></label>
        {failure && <p class="error" role="alert">{failure}</p>}
        <p class="actions">
          <button class="primary">Save</button>
          <button type="button" onClick={() => dialog.current.close()}>Cancel</button>
        </p>
      </form>
    </dialog>
  );
}
