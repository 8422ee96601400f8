import { useState } from "preact/hooks";
import { parseExactly } from "../../api.js";
import { title, typeNames } from "../../frames.js";
import { number, unitName } from "../../units.js";
import { exactJson, shown } from "../../values.js";
import { SidePanel } from "./side_panel.jsx";

// All fields of a row, whole.
export function RowPanel({ frame, row, zone, onClose }) {
  const [said, setSaid] = useState("");
  async function copy() {
    const record = Object.fromEntries(frame.fields.map((field) => [title(field), field.type === "time" ? shown(field, row) : field.values[row] ?? null]));
    try {
      await navigator.clipboard.writeText(exactJson(record, 2));
      setSaid("Copied");
    } catch {
      setSaid("The browser did not allow copying");
    }
    setTimeout(() => setSaid(""), 1500);
  }
  return (
    <SidePanel label={`Row ${row + 1}`} heading={`Row ${(row + 1).toLocaleString("en")}`} onClose={onClose} actions={<><span class="said" role="status">{said}</span><button class="quiet" onClick={copy}>Copy as JSON</button></>}>
      <dl class="fields-of-row">
        {frame.fields.map((field, index) => (
          <div key={index}>
            <dt>{title(field)} <small>{typeNames(field).word}</small></dt>
            <dd><Value field={field} row={row} zone={zone} /></dd>
          </div>
        ))}
      </dl>
    </SidePanel>
  );
}

export function Value({ field, row, zone }) {
  const text = shown(field, row, zone);
  if (text === null) return <em class="muted">null</em>;
  if (text === "") return <em class="muted">(empty)</em>;
  const { unit } = field.config;
  const tree = nested(field.values[row]);
  if (tree) return <pre tabIndex={0}>{exactJson(tree, 2)}</pre>;
  return <>{text}{unit && field.type === "number" && <small title={unitName(unit)}> {number(field.values[row], unit)}</small>}</>;
}

// An object or a list, also one that is written as JSON in a text.
function nested(value) {
  if (typeof value === "object") return value;
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return null;
  try {
    return parseExactly(value);
  } catch {
    return null;
  }
}
