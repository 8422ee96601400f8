import { useRef, useState } from "preact/hooks";
import { shown, title } from "../frames.js";

const ROW = 26;
const MARGIN = 10;

// Only the rows in sight are in the document, so that a large answer scrolls as a small one does.
export function Table({ frame }) {
  const [top, setTop] = useState(0);
  const box = useRef(null);
  const height = box.current?.clientHeight ?? 480;
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const last = Math.min(frame.length, Math.ceil((top + height) / ROW) + MARGIN);
  const rows = [];
  for (let row = first; row < last; row++) rows.push(row);
  return (
    <div class="table" ref={box} tabIndex={0} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <table aria-rowcount={frame.length}>
        <thead>
          <tr>
            <th class="number">#</th>
            {frame.fields.map((field) => <th class={field.type}>{title(field)}<small>{field.kind}{field.nullable ? "?" : ""}</small></th>)}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr style={{ height: `${first * ROW}px` }} />}
          {rows.map((row) => (
            <tr key={row} aria-rowindex={row + 1}>
              <td class="number muted">{row + 1}</td>
              {frame.fields.map((field) => <Cell field={field} value={field.values[row]} />)}
            </tr>
          ))}
          {last < frame.length && <tr style={{ height: `${(frame.length - last) * ROW}px` }} />}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ field, value }) {
  const text = shown(value, field);
  return text === null ? <td class="null">null</td> : <td class={field.type} title={text.length > 60 ? text : undefined}>{text}</td>;
}
