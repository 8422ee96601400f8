const FAULTS = { downstream: "The data source refused the query, or did not answer well.", plugin: "The plugin or this host failed." };

// What went wrong, whose fault it is, and the id by which an operator finds it in the log.
export function Failures({ errors, requestId }) {
  return errors.map(({ refId, message, source, status }, index) => (
    <div key={index} class="failure" role="alert">
      <p class="error">{refId ? <strong>{refId}: </strong> : null}{message}</p>
      <p class="hint">
        {[FAULTS[source], status ? `Status ${status}.` : "", requestId ? `Request ${requestId}` : ""].filter(Boolean).join(" ")}
      </p>
    </div>
  ));
}
