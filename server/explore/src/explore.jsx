import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pluginSettings } from "./api.js";
import { SaveAsNamed } from "./named/save.jsx";
import { ExpressionRow } from "./query/expression_row.jsx";
import { History, remember } from "./query/history.jsx";
import { EXPRESSIONS, isExpression } from "./query/input_names.js";
import { QueryRow } from "./query/query_row.jsx";
import { SchemaBrowser } from "./query/schema_browser.jsx";
import { TimeRange } from "./query/time_range.jsx";
import { Results } from "./results/results.jsx";
import { Share } from "./results/share.jsx";
import { useRun } from "./run.js";
import { isRun, pushQueries, pushRun, queriesState, readQueries, readState, refId, writeState } from "./url.js";

const MOST_QUERIES = 6;

// While it is hidden it keeps what it shows.
export function Explore({ hidden, sources, onManage, maySave }) {
  const [chosen, setChosen] = useState(() => readState().source ?? "");
  const [loaded, setLoaded] = useState(null);
  const [queries, setQueries] = useState(readQueries);
  const [version, setVersion] = useState(0);
  const [range, setRange] = useState(readRange);
  const [zoomed, setZoomed] = useState(() => readState().zoomed === "true");
  const [failure, setFailure] = useState("");
  const [computes, setComputes] = useState(false);
  const [wanted, setWanted] = useState(0);
  const active = useRef(0);
  const { answer, run, reset, cancel } = useRun();
  const uid = chosen || (sources.find((each) => each.isDefault) ?? sources[0])?.uid || "";
  const source = sources.find((each) => each.uid === uid);
  const plugin = loaded && loaded.type === source?.type ? loaded.plugin : null;
  const request = plugin && source && requestFor(source, plugin, queries, range);
  const state = { source: uid, from: range.from, to: range.to, zoomed: zoomed ? "true" : "", ...queriesState(queries) };

  useEffect(() => {
    if (!source) return;
    let current = true;
    const { type } = source;
    setFailure("");
    pluginSettings(type).then((plugin) => current && setLoaded({ type, plugin }), (error) => current && setFailure(error.message));
    return () => { current = false; };
  }, [source?.type]);
  // Whether the host has the plugin of expressions.
  useEffect(() => {
    pluginSettings(EXPRESSIONS.type).then(() => setComputes(true), () => {});
  }, []);
  useEffect(() => {
    if (!hidden && !wanted) writeState(state);
  }, [uid, queries, range, zoomed]);

  function start() {
    if (!request) return;
    remember({ uid, source: source.name, text: queries[0].text, extra: queries[0].extra, range });
    pushRun(state);
    run(request);
  }
  const latest = useRef({});
  latest.current = { start, state, request, hasRun: wanted > 0 || answer.status !== "idle" };
  // A run that was asked for along with a new range or query starts once both are there, and before anything
  // else can happen, such as another Back.
  useLayoutEffect(() => {
    if (wanted && request) {
      setWanted(0);
      start();
    }
  }, [wanted, request]);
  useEffect(() => {
    const onKey = (event) => {
      if (hidden || event.defaultPrevented) return;
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        commit(document.activeElement);
        setWanted(1);
      } else if (event.key === "Escape" && answer.status === "running") cancel();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  // Back, Forward, or a link that was pasted into the address bar.
  useEffect(() => {
    const follow = () => {
      const { page, source: wantedUid = "", ...rest } = readState();
      const isPage = page && page !== "explore";
      if (isPage || (isShown({ ...rest, source: wantedUid }) && isRun() === latest.current.hasRun)) return;
      show(wantedUid, readQueries(), readRange(), isRun(), rest.zoomed === "true");
    };
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);

  const isShown = (linked) => Object.entries(latest.current.state).every(([key, value]) => (linked[key] ?? "") === value);

  // Nothing of what was there before stays: neither text nor rows nor errors.
  function show(nextUid, nextQueries, nextRange, andRun, isZoomed = false) {
    reset();
    setChosen(nextUid);
    setQueries(nextQueries);
    setRange(nextRange);
    setZoomed(isZoomed);
    setVersion((count) => count + 1);
    setWanted(andRun ? 1 : 0);
  }
  function choose(next) {
    pushQueries({ source: next, zoomed: "", query: "", options: "", more: "" });
    show(next, readQueries(), range, false);
  }
  function recall(entry, andRun) {
    const recalled = [{ refId: "A", text: entry.text, extra: entry.extra ?? {} }];
    if (!andRun) pushQueries({ source: entry.uid, ...entry.range, zoomed: "", ...queriesState(recalled) });
    show(entry.uid, recalled, entry.range, andRun);
  }
  function changeRange(next) {
    setRange(next);
    setZoomed(false);
  }
  // The plot keeps to the range, also where the query takes no notice of it.
  function zoom(next) {
    setRange(next);
    setZoomed(true);
    setWanted(1);
  }

  if (hidden) return null;
  const picker = (
    <label>
      Data source
      <select value={source ? uid : ""} onChange={(event) => choose(event.target.value)}>
        {!source && <option value="">Choose one…</option>}
        {sources.map((each) => <option key={each.uid} value={each.uid}>{each.name} ({each.typeName ?? each.type})</option>)}
      </select>
    </label>
  );
  if (!source) return <main class="message"><h1>Explore</h1>{sources.length ? <><p>You can query no data source {uid}.</p>{picker}</> : <None onManage={onManage} />}</main>;

  const change = (index, changes) => setQueries((old) => old.map((each, at) => (at === index ? { ...each, ...changes } : each)));
  function write(index, changes) {
    change(index, changes);
    setVersion((count) => count + 1);
  }
  const add = (extra) => setQueries([...queries, { refId: refId(queries.length), text: "", extra }]);
  function remove(index) {
    setQueries((old) => old.filter((_, at) => at !== index).map((each, at) => ({ ...each, refId: refId(at) })));
    setVersion((count) => count + 1);
    active.current = 0;
  }
  function insert(name) {
    const index = Math.min(active.current, queries.length - 1);
    const { text } = queries[index];
    write(index, { text: text && !/[\s(]$/.test(text) ? `${text} ${name}` : text + name });
  }

  return (
    <main class="explore">
      <aside aria-label="Data source and history">
        {picker}
        {plugin && <SchemaBrowser key={uid} uid={uid} language={plugin.queryLanguage} onPick={insert} />}
        <History onRecall={recall} sources={sources} />
      </aside>
      <section aria-label="Queries and results">
        <div class="toolbar">
          <TimeRange value={range} onChange={changeRange} onRefresh={start} running={answer.status === "running"} />
          {answer.status === "running"
            ? <button class="cancel" onClick={cancel} title="Esc">Cancel</button>
            : <button class="primary" disabled={!request} onClick={start} title="Ctrl+Enter">Run</button>}
          {request && <Share request={request} source={source} plugin={plugin} range={range} />}
          {request && maySave && <SaveAsNamed request={request} source={source} />}
        </div>
        {failure && <p class="error" role="alert">{failure}</p>}
        {plugin && queries.map((query, index) => (isExpression(query) ? (
          <ExpressionRow
            key={`${uid}/${index}`} query={query} version={version} requestOf={() => latest.current.request}
            onText={(text) => change(index, { text })} onExtra={(extra) => change(index, { extra })}
            onRemove={() => remove(index)} onRun={() => latest.current.start()}
          />
        ) : (
          <QueryRow
            key={`${uid}/${index}`} uid={uid} plugin={plugin} query={query} version={version} single={queries.length === 1}
            onText={(text) => change(index, { text })} onExtra={(extra) => change(index, { extra })}
            onWrite={(changes) => write(index, changes)} onRemove={() => remove(index)}
            onFocus={() => { active.current = index; }} onRun={() => latest.current.start()}
          />
        )))}
        {plugin && queries.length < MOST_QUERIES && (
          <>
            <button class="quiet add" onClick={() => add({})}>+ Add query</button>
            {computes && <button class="quiet add" onClick={() => add({ datasource: EXPRESSIONS, type: "sql" })}>+ SQL</button>}
            {computes && <button class="quiet add" onClick={() => add({ datasource: EXPRESSIONS, type: "math" })}>+ Math</button>}
          </>
        )}
        <Results key={uid} answer={answer} plugin={plugin} range={range} isZoomed={zoomed} onZoom={zoom} />
      </section>
    </main>
  );
}

// A field tells what was typed when it is left.
function commit(field) {
  if (!field?.matches("input, select")) return;
  field.blur();
  field.focus();
}

function None({ onManage }) {
  if (!onManage) return <p>There is no data source that you may query.</p>;
  return <><p>There is no data source yet.</p><button class="primary" onClick={onManage}>Add a data source</button></>;
}

function readRange() {
  const { from, to } = readState();
  return { from: from ?? "now-1h", to: to ?? "now" };
}

function requestFor(source, plugin, queries, range) {
  return {
    from: range.from,
    to: range.to,
    queries: queries.map(({ refId, text, extra }) => {
      const query = { refId, datasource: { uid: source.uid, type: source.type }, maxDataPoints: 1000, ...extra };
      const key = isExpression({ extra }) ? "expression" : plugin.queryTextKey;
      if (key) query[key] = text;
      return query;
    }),
  };
}
