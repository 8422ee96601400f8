import { useState } from "preact/hooks";
import { queryFile } from "../api.js";
import { title } from "../frames.js";
import { isExpression } from "../query/queries.js";
import { rfc3339, shown } from "../values.js";

const FILES = {
  Parquet: ["application/vnd.apache.parquet", "parquet"],
  Arrow: ["application/vnd.apache.arrow.stream", "arrows"],
};

// CSV is what the table holds; Parquet and Arrow run the query again, for every row with its full type.
export function Downloads({ table, request, refId }) {
  const [state, setState] = useState({ busy: "", failure: "" });
  async function fetchFile(what) {
    const [type, suffix] = FILES[what];
    setState({ busy: what, failure: "" });
    try {
      save(await queryFile(only(request, refId), type), `result.${suffix}`);
      setState({ busy: "", failure: "" });
    } catch (error) {
      setState({ busy: "", failure: error.message });
    }
  }
  return (
    <span class="downloads" role="group" aria-label="Download">
      {state.failure && <span class="error" role="alert">{state.failure}</span>}
      <span class="muted" aria-hidden="true">Download</span>
      <button title="The rows of the table" onClick={() => save(new Blob([csv(table)], { type: "text/csv" }), "result.csv")}>CSV</button>
      {Object.keys(FILES).map((what) => (
        <button key={what} disabled={!request || state.busy !== ""} title="Runs the query again; all rows, every type" onClick={() => fetchFile(what)}>{state.busy === what ? `${what}…` : what}</button>
      ))}
    </span>
  );
}

// The request for the answer to one query alone; the inputs of an expression come along, hidden.
function only(request, refId) {
  const asked = request.queries?.find((query) => query.refId === refId);
  if (!asked) return request;
  const { hide, ...shown } = asked;
  const inputs = isExpression({ source: asked.datasource.uid }) ? request.queries.map((query) => ({ ...query, hide: true })) : [shown];
  return { ...request, queries: inputs.map((query) => (query.refId === refId ? shown : query)) };
}

function csv(table) {
  const lines = [table.fields.map((field) => quote(title(field))).join(",")];
  for (let row = 0; row < table.length; row++) lines.push(table.fields.map((field) => quote(cell(field, row))).join(","));
  return lines.join("\r\n") + "\r\n";
}

// Times carry their zone: a file is read elsewhere.
function cell(field, row) {
  const value = field.values[row];
  return field.type === "time" && value !== null && value !== undefined ? rfc3339(value, field.nanos.get(row)) : shown(field, row);
}

// Null is an empty field, an empty text is quoted.
function quote(text) {
  if (text === null) return "";
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
