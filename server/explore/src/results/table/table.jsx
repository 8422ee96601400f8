import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { title, typeNames } from "../../frames.js";
import { plural, shown, sortedRows } from "../../values.js";
import { ColumnPanel } from "./column_panel.jsx";
import { filteredRows } from "./filters.js";
import { RowPanel } from "./row_panel.jsx";

const ROW = 26;
const MARGIN = 10;
const NUMBERS = 64;
const NEXT_SORT = { none: "ascending", ascending: "descending", descending: "none" };

// Only the rows in sight are in the document, so that a large answer scrolls as a small one does. Arrow keys
// move a cell cursor, Ctrl+C copies its cell, Enter shows its row whole. Beside the table stands either a row or
// a column's filter and statistics.
export function Table({ frame, zone }) {
  const [top, setTop] = useState(0);
  const [sort, setSort] = useState({ column: -1, direction: "none" });
  const [widths, setWidths] = useState({});
  const [cursor, setCursor] = useState(null);
  const [filters, setFilters] = useState({});
  const [beside, setBeside] = useState(null);  // {row: true}, of the cursor, or {column}
  const [said, setSaid] = useState("");
  const box = useRef(null);
  const sorted = frame.fields[sort.column];
  const passing = useMemo(() => filteredRows(frame.fields, filters, frame.length, zone), [frame, filters, frame.length, zone]);
  const order = useMemo(() => (sorted && sort.direction !== "none" ? sortedRows(sorted, passing ?? everyRow(frame), sort.direction) : passing), [sorted, sort, passing, frame, frame.length]);
  const length = order ? order.length : frame.length;
  const shape = frame.fields.map((field) => `${title(field)}:${field.kind}`).join("|");
  const usual = useMemo(() => frame.fields.map((field) => usualWidth(field, zone)), [shape, zone, frame.length > 0]);
  useEffect(() => (setSort({ column: -1, direction: "none" }), setWidths({}), setCursor(null), setFilters({}), setBeside(null)), [shape]);

  const height = box.current?.clientHeight ?? 480;
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const last = Math.min(length, Math.ceil((top + height) / ROW) + MARGIN);
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
    if (event.key === "Enter" && cursor && !event.ctrlKey && !event.metaKey && !event.target.closest("th")) {
      event.preventDefault();
      return setBeside({ row: true });
    }
    if (event.key === "Escape" && beside) {
      event.preventDefault();
      return setBeside(null);
    }
    const page = Math.max(1, Math.floor(height / ROW) - 2);
    const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], PageDown: [page, 0], PageUp: [-page, 0], Home: [0, -Infinity], End: [0, Infinity] }[event.key];
    if (!step || event.target.closest("th")) return;
    event.preventDefault();
    const from = cursor ?? { row: -1, column: 0 };
    const next = {
      row: Math.min(length - 1, Math.max(0, from.row + step[0])),
      column: Math.min(frame.fields.length - 1, Math.max(0, from.column + step[1])),
    };
    setCursor(next);
    reveal(box.current, next.row);
  }

  function openRow(row) {
    setCursor({ row, column: cursor?.column ?? 0 });
    setBeside({ row: true });
  }
  function filter(column, text) {
    const { [column]: _, ...others } = filters;
    setFilters(text ? { ...others, [column]: text } : others);
    setCursor(null);
    box.current.scrollTop = 0;
  }
  const column = frame.fields[beside?.column];

  return (
    <>
    {passing && (
      <p class="filters">
        {Object.entries(filters).map(([each, text]) => (
          <span key={each} class="filter"><b>{title(frame.fields[each])}</b> {text} <button class="quiet" aria-label={`Remove the filter of ${title(frame.fields[each])}`} onClick={() => filter(each, "")}>✕</button></span>
        ))}
        <span role="status" class="muted">{passing.length.toLocaleString("en")} of {plural(frame.length, "row")}</span>
      </p>
    )}
    <div class="split">
    <div class="table" ref={box} tabIndex={0} role="grid" aria-label="Rows" aria-rowcount={length + 1} aria-colcount={frame.fields.length + 1} aria-activedescendant={cursor ? `cell-${cursor.row}-${cursor.column}` : undefined} onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={onKey}>
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
                <th key={column} role="columnheader" class={field.type} aria-label={`${title(field)}, ${word}`} aria-colindex={column + 2} aria-sort={direction}>
                  <button onClick={() => sortBy(column)} title={`${title(field)}: ${exact}. Click sorts.`}>
                    <span>{title(field)}{{ ascending: " ↑", descending: " ↓", none: "" }[direction]}</span>
                    <small>{word}{field.type === "time" ? ` ${zone === "utc" ? "UTC" : "local"}` : ""}{field.config.unit ? ` ${field.config.unit}` : ""}</small>
                  </button>
                  <button class={`column-menu${filters[column] ? " active" : ""}`} aria-label={`Filter and statistics of ${title(field)}`} title="Filter and statistics" aria-expanded={beside?.column === column} onClick={() => setBeside(beside?.column === column ? null : { column })}><Funnel /></button>
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
              <td role="rowheader" class="number muted" title="Show the row" onClick={() => openRow(row)}>{at(row) + 1}</td>
              {frame.fields.map((field, column) => (
                <Cell key={column} id={`cell-${row}-${column}`} field={field} text={shown(field, at(row), zone)} current={cursor?.row === row && cursor?.column === column} onPick={() => setCursor({ row, column })} onCopy={() => copy(row, column)} />
              ))}
            </tr>
          ))}
          {last < length && <tr role="presentation" style={{ height: `${(length - last) * ROW}px` }} />}
        </tbody>
      </table>
    </div>
    {beside?.row && cursor && cursor.row < length && <RowPanel frame={frame} row={at(cursor.row)} zone={zone} onClose={() => setBeside(null)} />}
    {column && <ColumnPanel key={beside.column} field={column} rows={passing ?? everyRow(frame)} total={frame.length} zone={zone} filter={filters[beside.column] ?? ""} onFilter={(text) => filter(beside.column, text)} onClose={() => setBeside(null)} />}
    </div>
    </>
  );
}

const everyRow = (frame) => Array.from({ length: frame.length }, (_, row) => row);

function Funnel() {
  return <svg viewBox="0 0 12 12" width="11" height="11" aria-hidden="true"><path d="M1 2h10L7.2 6.6V11L4.8 9.4V6.6z" /></svg>;
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
  let most = Math.max(title(field).length + 5, typeNames(field).word.length + 5);
  for (let row = 0; row < Math.min(field.values.length, 100); row++) most = Math.max(most, shown(field, row, zone)?.length ?? 4);
  return Math.min(380, Math.max(72, Math.round(most * 7.9 + 24)));
}

function reveal(box, row) {
  const head = box.querySelector("thead").offsetHeight;
  if (row * ROW < box.scrollTop) box.scrollTop = row * ROW;
  else if ((row + 1) * ROW + head > box.scrollTop + box.clientHeight) box.scrollTop = (row + 1) * ROW + head - box.clientHeight;
}
