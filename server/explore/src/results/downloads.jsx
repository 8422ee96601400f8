import { useState } from "preact/hooks";
import { queryArrow } from "../api.js";
import { shown, title } from "../frames.js";

export function Downloads({ table, request }) {
  const [failure, setFailure] = useState("");
  async function arrow() {
    setFailure("");
    try {
      save(new Blob([await queryArrow(request)]), "result.arrows");
    } catch (error) {
      setFailure(error.message);
    }
  }
  return (
    <span class="downloads">
      <button onClick={() => save(new Blob([csv(table)], { type: "text/csv" }), "result.csv")}>CSV</button>
      <button onClick={arrow} title="Runs the query again; every type is kept">Arrow</button>
      {failure && <span class="error" role="alert">{failure}</span>}
    </span>
  );
}

function csv(table) {
  const lines = [table.fields.map((field) => quote(title(field))).join(",")];
  for (let row = 0; row < table.length; row++) {
    lines.push(table.fields.map((field) => quote(shown(field.values[row], field))).join(","));
  }
  return lines.join("\r\n") + "\r\n";
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
