import { UNITS, unitName } from "../../units.js";

const STYLES = { "": "Lines", bars: "Bars", points: "Points", areas: "Areas" };

// How a chart is drawn: its kind, stacked, on a logarithmic axis, in which unit. `found` is the data's own unit.
export function Look({ look, kinds, found, onChange }) {
  const isSeries = look.style !== "heat map";
  return (
    <div class="look" role="group" aria-label="Look of the chart">
      <label>
        <span>Draw as</span>
        <select value={look.style} onChange={(event) => onChange({ style: event.target.value })}>
          {Object.entries(STYLES).map(([key, name]) => <option key={key} value={key}>{name}</option>)}
          {kinds.heatMap && <option value="heat map">Heat map</option>}
        </select>
      </label>
      <label>
        <span>Unit</span>
        <select value={look.unit} onChange={(event) => onChange({ unit: event.target.value })}>
          <option value="">{found ? `${unitName(found)} (from the data)` : "None"}</option>
          {UNITS.map(([group, units]) => (
            <optgroup key={group} label={group}>{units.map(([id, name]) => <option key={id} value={id}>{name}</option>)}</optgroup>
          ))}
        </select>
      </label>
      {isSeries && look.style !== "points" && <Check label="Stacked" title="Series stand upon each other" value={look.stack} onChange={(stack) => onChange({ stack, log: false })} />}
      {isSeries && <Check label="Logarithmic" title="A logarithmic axis; it has no place for zero and below" value={look.log} onChange={(log) => onChange({ log, stack: false })} />}
    </div>
  );
}

function Check({ label, title, value, onChange }) {
  return <label class="check" title={title}><input type="checkbox" checked={value} onChange={(event) => onChange(event.target.checked)} /><span>{label}</span></label>;
}
