import { useEffect, useState } from "preact/hooks";
import { json } from "../api.js";
import { TimeRange } from "../query/time_range.jsx";
import { Results } from "../results/results.jsx";
import { useRun } from "../run.js";
import { parse, readState, writeState } from "../url.js";
import { ParameterField } from "./parameter_field.jsx";

// Named queries, each with a form made from its parameters. A link holds the values, never what is asked.
export function NamedQueries() {
  const [queries, setQueries] = useState(null);
  const [failure, setFailure] = useState("");
  const [id, setId] = useState(() => readState().named ?? "");
  useEffect(() => void json("GET", "/api/queries").then(setQueries, (error) => setFailure(error.message)), []);
  if (failure) return <main class="message"><p class="error" role="alert">{failure}</p></main>;
  if (!queries) return <main class="message">Loading…</main>;
  if (!queries.length) return <main class="message"><h1>Named queries</h1><p>There is none that you may run. Explore saves one.</p></main>;
  const query = queries.find((each) => each.id === id) ?? queries[0];
  function choose(next) {
    setId(next);
    writeState({ named: next, values: "", from: "", to: "" });
  }
  return (
    <main class="explore">
      <aside aria-label="Named queries">
        <label>
          Named query
          <select value={query.id} onChange={(event) => choose(event.target.value)}>
            {queries.map((each) => <option key={each.id} value={each.id}>{each.title || each.id}</option>)}
          </select>
        </label>
        {query.description && <p class="muted">{query.description}</p>}
      </aside>
      <RunForm key={query.id} query={query} />
    </main>
  );
}

function RunForm({ query }) {
  const [values, setValues] = useState(readValues);
  const [range, setRange] = useState(() => readRange(query));
  const [said, setSaid] = useState("");
  const { answer, run, cancel } = useRun();
  const failed = answer.errors.find((error) => error.place?.startsWith("parameters."));
  const state = { named: query.id, values: Object.keys(values).length ? JSON.stringify(values) : "", from: range.from, to: range.to };
  useEffect(() => writeState(state), [query, values, range]);

  function start(event) {
    event?.preventDefault();
    run({ path: `/api/queries/${query.id}/run`, parameters: values, from: range.from, to: range.to, maxDataPoints: 1000 });
  }
  async function copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      setSaid("Link copied");
    } catch {
      setSaid("The browser did not allow copying");
    }
    setTimeout(() => setSaid(""), 2000);
  }
  const set = (name, value) => setValues(({ [name]: _, ...others }) => (value === undefined ? others : { ...others, [name]: value }));
  return (
    <section aria-label="Parameters and results">
      <form class="named" onSubmit={start}>
        {(query.parameters ?? []).map((parameter) => (
          <ParameterField
            key={parameter.name} queryId={query.id} parameter={parameter} value={values[parameter.name]}
            error={failed && placeOf(failed) === parameter.name ? failed.message : ""} onChange={(value) => set(parameter.name, value)}
          />
        ))}
        <div class="toolbar">
          <TimeRange value={range} onChange={setRange} onRefresh={start} running={answer.status === "running"} />
          {answer.status === "running"
            ? <button type="button" class="cancel" onClick={cancel}>Cancel</button>
            : <button class="primary">Run</button>}
          <button type="button" class="quiet" onClick={copy}>Copy link</button>
          <span role="status" class="said">{said}</span>
        </div>
      </form>
      {answer.status !== "idle" && <Results answer={answer} plugin={null} range={range} isZoomed={false} onZoom={setRange} />}
    </section>
  );
}

const placeOf = (error) => error.place.replace("parameters.", "").replace(/\[.*/, "");

function readValues() {
  const found = parse(readState().values ?? "");
  return found && typeof found === "object" && !Array.isArray(found) ? found : {};
}

function readRange(query) {
  const { from, to } = readState();
  return { from: from ?? query.timeRange?.from ?? "now-1h", to: to ?? query.timeRange?.to ?? "now" };
}
