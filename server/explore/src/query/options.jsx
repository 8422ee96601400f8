import { Field } from "../sources/field.jsx";

// Keys that are asked for most, in front of the others; with what to choose from, where the schema is silent.
const UP_FRONT = {
  promql: [["legendFormat", "Legend"], ["interval", "Min step"], ["layout", "Layout"], ["format", "Format", ["", "time_series", "table", "heatmap"]]],
  mysql: [["format", "Format", ["table", "time_series"]]],
  sql: [["format", "Format", ["table", "time_series", "logs", "traces", "multi"]]],
};
const TYPES = { range: "Range", instant: "Instant", both: "Both" };

// The keys of the plugin's query model besides its main text, as a form made from its JSON Schema.
export function Options({ plugin, value, onChange }) {
  const properties = plugin.querySchema?.properties ?? {};
  const isPromql = plugin.queryLanguage === "promql";
  const front = (UP_FRONT[plugin.queryLanguage] ?? []).filter(([key]) => key in properties);
  const special = new Set([plugin.queryTextKey, ...front.map(([key]) => key), ...(isPromql ? ["range", "instant"] : [])]);
  const others = Object.entries(properties).filter(([key]) => !special.has(key));
  const set = others.filter(([key]) => value[key] !== undefined).length;

  function change(key, next) {
    const { [key]: _, ...rest } = value;
    onChange(next === undefined ? rest : { ...rest, [key]: next });
  }
  function changeType(next) {
    const { range, instant, ...rest } = value;
    onChange({ range: rest, instant: { ...rest, instant: true }, both: { ...rest, instant: true, range: true } }[next]);
  }
  const type = value.instant ? (value.range ? "both" : "instant") : "range";

  return (
    <div class="options">
      {(front.length > 0 || isPromql) && (
        <div class="front">
          {isPromql && (
            <label>
              <span>Type</span>
              <select value={type} onChange={(event) => changeType(event.target.value)}>
                {Object.entries(TYPES).map(([key, label]) => <option key={key} value={key}>{label}</option>)}
              </select>
            </label>
          )}
          {front.map(([key, label, choices]) => (
            <Field key={key} name={label} schema={{ ...properties[key], ...(choices && { enum: choices }), description: "" }} hint={properties[key].description} value={value[key]} onChange={(next) => change(key, next)} />
          ))}
        </div>
      )}
      {others.length > 0 && (
        <details>
          <summary>Query options{set ? ` (${set} set)` : ""}</summary>
          <div class="fields">
            {others.map(([key, schema]) => <Field key={key} name={key} schema={schema} value={value[key]} onChange={(next) => change(key, next)} />)}
          </div>
        </details>
      )}
    </div>
  );
}
