// Expressions that are no text: an input, and what to do with it.

const REDUCERS = ["mean", "min", "max", "sum", "count", "last", "first", "median", "std"];
const MODES = { "": "as they are", dropNN: "dropped", replaceNN: "replaced" };
const UPSAMPLERS = { fillna: "null", pad: "the value before", backfilling: "the value after" };
const CONDITIONS = { gt: "is above", gte: "is at least", lt: "is below", lte: "is at most", eq: "is", ne: "is not", within_range: "is between", outside_range: "is outside" };
const WITH_TWO = new Set(["within_range", "outside_range"]);

// What an expression of a kind says at first.
export const USUAL = {
  reduce: { reducer: "mean" },
  resample: { window: "1m", downsampler: "mean", upsampler: "fillna" },
  threshold: { conditions: [{ evaluator: { type: "gt", params: [0] } }] },
};

const FORMS = { reduce: Reduce, resample: Resample, threshold: Threshold };

export const SERIES_KINDS = new Set(Object.keys(FORMS));

export function ExpressionForm({ query, inputs, onText, onExtra }) {
  const Form = FORMS[query.extra.type];
  const set = (changes) => onExtra({ ...query.extra, ...changes });
  const known = inputs.includes(query.text) ? inputs : [query.text, ...inputs];
  return (
    <div class="front">
      <Choice label="Input" value={query.text} choices={Object.fromEntries(known.map((each) => [each, each || "Choose one…"]))} onChange={onText} />
      <Form extra={query.extra} set={set} />
    </div>
  );
}

function Reduce({ extra, set }) {
  const { mode = "", replaceWithValue = 0 } = extra.settings ?? {};
  return (
    <>
      <Choice label="Reducer" value={extra.reducer ?? USUAL.reduce.reducer} choices={named(REDUCERS)} onChange={(reducer) => set({ reducer })} />
      <Choice label="Null and NaN are" value={mode} choices={MODES} onChange={(next) => set({ settings: next === "replaceNN" ? { mode: next, replaceWithValue } : { mode: next } })} />
      {mode === "replaceNN" && <Number_ label="by" value={replaceWithValue} onChange={(value) => set({ settings: { mode, replaceWithValue: value } })} />}
    </>
  );
}

function Resample({ extra, set }) {
  return (
    <>
      <label><span>Every</span><input placeholder="1m" value={extra.window ?? ""} onChange={(event) => set({ window: event.target.value.trim() })} /></label>
      <Choice label="Several points become their" value={extra.downsampler ?? "mean"} choices={named(REDUCERS)} onChange={(downsampler) => set({ downsampler })} />
      <Choice label="No point becomes" value={extra.upsampler ?? "fillna"} choices={UPSAMPLERS} onChange={(upsampler) => set({ upsampler })} />
    </>
  );
}

function Threshold({ extra, set }) {
  const { type = "gt", params = [0] } = extra.conditions?.[0]?.evaluator ?? {};
  const say = (next, numbers) => set({ conditions: [{ evaluator: { type: next, params: WITH_TWO.has(next) ? [numbers[0], numbers[1] ?? numbers[0]] : [numbers[0]] } }] });
  return (
    <>
      <Choice label="Value" value={type} choices={CONDITIONS} onChange={(next) => say(next, params)} />
      <Number_ label="Limit" hidden value={params[0]} onChange={(value) => say(type, [value, params[1]])} />
      {WITH_TWO.has(type) && <Number_ label="and" value={params[1]} onChange={(value) => say(type, [params[0], value])} />}
    </>
  );
}

const named = (names) => Object.fromEntries(names.map((name) => [name, name]));

function Choice({ label, value, choices, onChange }) {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {Object.entries(choices).map(([key, text]) => <option key={key} value={key}>{text}</option>)}
      </select>
    </label>
  );
}

function Number_({ label, hidden, value, onChange }) {
  return (
    <label>
      {!hidden && <span>{label}</span>}
      <input type="number" step="any" aria-label={hidden ? label : undefined} value={value} onChange={(event) => event.target.value !== "" && onChange(Number(event.target.value))} />
    </label>
  );
}
