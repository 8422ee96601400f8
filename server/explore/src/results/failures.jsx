const FAULTS = { downstream: "The data source refused the query, or did not answer well.", plugin: "The plugin or this host failed." };

// What went wrong, where, whose fault it is, and the id by which an operator finds it in the log.
export function Failures({ errors, requestId, onGo }) {
  return errors.map(({ refId, message, source, status, position }, index) => (
    <div key={index} class="failure" role="alert">
      <p class="error">{refId ? <strong>{refId}: </strong> : null}{message}</p>
      <p class="hint">
        {position && onGo && <button class="quiet place" onClick={() => onGo(position)}>Line {position.line}{position.column ? `, column ${position.column}` : ""}</button>}
        {[FAULTS[source], status ? `Status ${status}.` : "", requestId ? `Request ${requestId}` : ""].filter(Boolean).join(" ")}
      </p>
    </div>
  ));
}
