import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { title, typeNames } from "../frames.js";
import { shown, sortedRows } from "../values.js";

const ROW = 26;
const MARGIN = 10;
const NUMBERS = 64;
const NEXT_SORT = { none: "ascending", ascending: "descending", descending: "none" };

// Only the rows in sight are in the document, so that a large answer scrolls as a small one does. Arrow keys
// move a cell cursor, Ctrl+C copies its cell.
export function Table({ frame, zone }) {
  const [top, setTop] = useState(0);
  const [sort, setSort] = useState({ column: -1, direction: "none" });
  const [widths, setWidths] = useState({});
  const [cursor, setCursor] = useState(null);
  const [said, setSaid] = useState("");
  const box = useRef(null);
  const sorted = frame.fields[sort.column];
  const order = useMemo(() => (sorted && sort.direction !== "none" ? sortedRows(sorted, frame.length, sort.direction) : null), [sorted, sort, frame.length]);
  const shape = frame.fields.map((field) => `${title(field)}:${field.kind}`).join("|");
  const usual = useMemo(() => frame.fields.map((field) => usualWidth(field, zone)), [shape, zone, frame.length > 0]);
  useEffect(() => (setSort({ column: -1, direction: "none" }), setWidths({}), setCursor(null)), [shape]);

  const height = box.current?.clientHeight ?? 480;
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const last = Math.min(frame.length, Math.ceil((top + height) / ROW) + MARGIN);
  const rows = [];
  for (let row = first; row < last; row++) rows.push(row);
  const width = (column) => widths[column] ?? usual[column] ?? 120;
  const at = (row) => (order ? order[row] : row);

  function sortBy(column) {
    const direction = NEXT_SORT[column === sort.column ? sort.direction : "none"];
    setSort({ column: direction === "none" ? -1 : column, direction });
  }
  async function copy(row, column) {
    try {
      await navigator.clipboard.writeText(shown(frame.fields[column], at(row), zone) ?? "");
      setSaid("Cell copied");
    } catch {
      setSaid("The browser did not allow copying");
    }
    setTimeout(() => setSaid(""), 1500);
  }
  function onKey(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "c" && cursor && !String(getSelection())) return void copy(cursor.row, cursor.column);
    const page = Math.max(1, Math.floor(height / ROW) - 2);
    const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], PageDown: [page, 0], PageUp: [-page, 0], Home: [0, -Infinity], End: [0, Infinity] }[event.key];
    if (!step || event.target.closest("th")) return;
    event.preventDefault();
    const from = cursor ?? { row: -1, column: 0 };
    const next = {
      row: Math.min(frame.length - 1, Math.max(0, from.row + step[0])),
      column: Math.min(frame.fields.length - 1, Math.max(0, from.column + step[1])),
    };
    setCursor(next);
    reveal(box.current, next.row);
  }

  return (
    <div class="table" ref={box} tabIndex={0} role="grid" aria-label="Rows" aria-rowcount={frame.length + 1} aria-colcount={frame.fields.length + 1} aria-activedescendant={cursor ? `cell-${cursor.row}-${cursor.column}` : undefined} onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={onKey}>
      <span class="said" role="status">{said}</span>
      <table role="presentation" style={{ width: `${NUMBERS + frame.fields.reduce((sum, _, column) => sum + width(column), 0)}px` }}>
        <colgroup role="presentation"><col style={{ width: `${NUMBERS}px` }} />{frame.fields.map((_, column) => <col key={column} style={{ width: `${width(column)}px` }} />)}</colgroup>
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            <th role="columnheader" class="number" aria-colindex={1}>#</th>
            {frame.fields.map((field, column) => {
              const direction = sort.column === column ? sort.direction : "none";
              const { word, exact } = typeNames(field);
              return (
                <th key={column} role="columnheader" class={field.type} aria-colindex={column + 2} aria-sort={direction}>
                  <button onClick={() => sortBy(column)} title={`${title(field)}: ${exact}. Click sorts.`}>
                    <span>{title(field)}{{ ascending: " ↑", descending: " ↓", none: "" }[direction]}</span>
                    <small>{word}{field.type === "time" ? ` ${zone === "utc" ? "UTC" : "local"}` : ""}{field.config.unit ? ` ${field.config.unit}` : ""}</small>
                  </button>
                  <Grip width={width(column)} onChange={(next) => setWidths((old) => ({ ...old, [column]: next }))} />
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {first > 0 && <tr role="presentation" style={{ height: `${first * ROW}px` }} />}
          {rows.map((row) => (
            <tr key={row} role="row" aria-rowindex={row + 2} class={row % 2 ? "odd" : ""}>
              <td role="rowheader" class="number muted">{at(row) + 1}</td>
              {frame.fields.map((field, column) => (
                <Cell key={column} id={`cell-${row}-${column}`} field={field} text={shown(field, at(row), zone)} current={cursor?.row === row && cursor?.column === column} onPick={() => setCursor({ row, column })} onCopy={() => copy(row, column)} />
              ))}
            </tr>
          ))}
          {last < frame.length && <tr role="presentation" style={{ height: `${(frame.length - last) * ROW}px` }} />}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ id, field, text, current, onPick, onCopy }) {
  const special = text === null ? "null" : text === "" ? "blank" : "";
  return (
    <td id={id} role="gridcell" class={`${field.type} ${special}${current ? " current" : ""}`} title={text?.length > 24 ? text : undefined} onClick={onPick} onDblClick={onCopy}>
      {text === null ? "null" : text === "" ? "(empty)" : text}
    </td>
  );
}

function Grip({ width, onChange }) {
  function drag(event) {
    event.preventDefault();  // no selection of text on the way
    const start = event.clientX;
    const target = event.currentTarget;
    target.setPointerCapture(event.pointerId);
    target.onpointermove = (move) => onChange(Math.max(40, width + move.clientX - start));
    target.onpointerup = () => { target.onpointermove = null; };
  }
  return <span class="grip" title="Drag to resize" onPointerDown={drag} />;
}

// By the first rows, so that columns keep their width while one scrolls.
function usualWidth(field, zone) {
  let most = Math.max(title(field).length + 3, typeNames(field).word.length + 5);
  for (let row = 0; row < Math.min(field.values.length, 100); row++) most = Math.max(most, shown(field, row, zone)?.length ?? 4);
  return Math.min(380, Math.max(72, Math.round(most * 7.9 + 24)));
}

function reveal(box, row) {
  const head = box.querySelector("thead").offsetHeight;
  if (row * ROW < box.scrollTop) box.scrollTop = row * ROW;
  else if ((row + 1) * ROW + head > box.scrollTop + box.clientHeight) box.scrollTop = (row + 1) * ROW + head - box.clientHeight;
}
