import { useMemo } from "preact/hooks";
import { title, typeNames } from "../../frames.js";
import { number } from "../../units.js";
import { plural, shown } from "../../values.js";
import { FILTER_HELP, equalTo } from "./filters.js";
import { SidePanel } from "./side_panel.jsx";
import { statistics } from "./statistics.js";

// A column: its filter, and what it holds in the rows that pass all filters.
export function ColumnPanel({ field, rows, total, zone, filter, onFilter, onClose }) {
  const found = useMemo(() => statistics(field, rows, zone), [field, rows, zone]);
  const at = (row) => (row === null ? "–" : shown(field, row, zone));
  const facts = [
    ["Values", (found.count - found.nulls).toLocaleString("en")],
    ["Nulls", found.nulls.toLocaleString("en")],
    ["Distinct", found.distinct.toLocaleString("en")],
    ...(field.type === "number" || field.type === "time" ? [["Least", at(found.min)], ["Greatest", at(found.max)]] : []),
    ...(field.type === "number" ? [["Mean", number(found.mean)]] : []),
  ];
  return (
    <SidePanel label={`Column ${title(field)}`} heading={title(field)} hint={typeNames(field).exact} onClose={onClose}>
      <label>
        <span>Filter</span>
        <input type="search" value={filter} title={FILTER_HELP} onInput={(event) => onFilter(event.target.value)} />
        <small>{FILTER_HELP}</small>
      </label>
      <dl class="facts" aria-label="Statistics">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {found.bins && <Bins bins={found.bins} low={at(found.min)} high={at(found.max)} />}
      {found.common.length > 0 && (
        <>
          <h3>Most frequent</h3>
          <ul class="common">
            {found.common.map(([text, count]) => (
              <li key={text}>
                <button class="name" title="Keep the rows with this value" onClick={() => onFilter(equalTo(text))}>{text === "" ? "(empty)" : text}</button>
                <span class="share-bar" style={{ "--part": count / rows.length }} aria-hidden="true" />
                <span class="number">{count.toLocaleString("en")}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      <p class="hint">
        Of {rows.length < total ? `the ${plural(rows.length, "row")} that pass the filters, out of ` : "the "}{plural(total, "row")} that the page has; the data source may have more.
      </p>
    </SidePanel>
  );
}

function Bins({ bins, low, high }) {
  const most = Math.max(...bins);
  return (
    <figure class="bins" aria-label={`Histogram from ${low} to ${high}`}>
      <svg viewBox={`0 0 ${bins.length} 1`} preserveAspectRatio="none" role="img" aria-label={`Counts: ${bins.join(", ")}`}>
        {bins.map((count, index) => <rect key={index} x={index + 0.06} width="0.88" y={1 - count / most} height={count / most}><title>{count.toLocaleString("en")}</title></rect>)}
      </svg>
      <figcaption><span>{low}</span><span>{high}</span></figcaption>
    </figure>
  );
}
