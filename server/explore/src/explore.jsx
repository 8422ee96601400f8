import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { pluginSettings } from "./api.js";
import { History, remember } from "./query/history.jsx";
import { QueryRow } from "./query/query_row.jsx";
import { SchemaBrowser } from "./query/schema_browser.jsx";
import { TimeRange } from "./query/time_range.jsx";
import { Results } from "./results/results.jsx";
import { Share } from "./results/share.jsx";
import { useRun } from "./run.js";
import { queriesState, readQueries, readState, refId, writeState } from "./url.js";

const MOST_QUERIES = 6;

export function Explore({ sources, onManage }) {
  const initial = useMemo(readState, []);
  const [uid, setUid] = useState(initial.source ?? sources.find((each) => each.isDefault)?.uid ?? sources[0]?.uid ?? "");
  const [plugin, setPlugin] = useState(null);
  const [queries, setQueries] = useState(readQueries);
  const [version, setVersion] = useState(0);
  const [range, setRange] = useState({ from: initial.from ?? "now-1h", to: initial.to ?? "now" });
  const [failure, setFailure] = useState("");
  const [wanted, setWanted] = useState(0);
  const active = useRef(0);
  const { answer, run, cancel } = useRun();
  const source = sources.find((each) => each.uid === uid);
  const request = plugin && source && requestFor(source, plugin, queries, range);

  useEffect(() => {
    if (!source) return;
    let current = true;
    setPlugin(null);
    setFailure("");
    pluginSettings(source.type).then((found) => current && setPlugin(found), (error) => current && setFailure(error.message));
    return () => { current = false; };
  }, [source?.type]);
  useEffect(() => writeState({ source: uid, from: range.from, to: range.to, ...queriesState(queries) }), [uid, queries, range]);

  function start() {
    if (!request) return;
    remember({ uid, source: source.name, text: queries[0].text, extra: queries[0].extra, range });
    run(request);
  }
  const latest = useRef(start);
  latest.current = start;
  // A run that was asked for along with a new range or query starts once both are there.
  useEffect(() => {
    if (wanted && request) {
      setWanted(0);
      start();
    }
  }, [wanted, request]);
  useEffect(() => {
    const onKey = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) latest.current();
      else if (event.key === "Escape" && answer.status === "running" && !event.defaultPrevented) cancel();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });

  if (!source) return <main class="message"><h1>Explore</h1><p>{sources.length ? `There is no data source ${uid}.` : "There is no data source yet."}</p> <button class="primary" onClick={onManage}>{sources.length ? "Show data sources" : "Add a data source"}</button></main>;

  const change = (index, changes) => setQueries((old) => old.map((each, at) => (at === index ? { ...each, ...changes } : each)));
  function write(index, changes) {
    change(index, changes);
    setVersion((count) => count + 1);
  }
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
  function recall(entry, andRun) {
    setUid(entry.uid);
    setQueries([{ refId: "A", text: entry.text, extra: entry.extra ?? {} }]);
    setRange(entry.range);
    setVersion((count) => count + 1);
    if (andRun) setWanted((count) => count + 1);
  }
  function zoom(next) {
    setRange(next);
    setWanted((count) => count + 1);
  }

  return (
    <main class="explore">
      <aside aria-label="Data source and history">
        <label>
          Data source
          <select value={uid} onChange={(event) => setUid(event.target.value)}>
            {sources.map((each) => <option key={each.uid} value={each.uid}>{each.name} ({each.typeName ?? each.type})</option>)}
          </select>
        </label>
        {plugin && <SchemaBrowser key={uid} uid={uid} language={plugin.queryLanguage} onPick={insert} />}
        <History onRecall={recall} sources={sources} />
      </aside>
      <section aria-label="Queries and results">
        <div class="toolbar">
          <TimeRange value={range} onChange={setRange} onRefresh={start} running={answer.status === "running"} />
          {answer.status === "running"
            ? <button class="cancel" onClick={cancel} title="Esc">Cancel</button>
            : <button class="primary" disabled={!request} onClick={start} title="Ctrl+Enter">Run</button>}
          {request && <Share request={request} source={source} plugin={plugin} range={range} />}
        </div>
        {failure && <p class="error" role="alert">{failure}</p>}
        {plugin && queries.map((query, index) => (
          <QueryRow
            key={`${uid}/${index}`} uid={uid} plugin={plugin} query={query} version={version} single={queries.length === 1}
            onText={(text) => change(index, { text })} onExtra={(extra) => change(index, { extra })}
            onWrite={(changes) => write(index, changes)} onRemove={() => remove(index)}
            onFocus={() => { active.current = index; }} onRun={() => latest.current()}
          />
        ))}
        {plugin && queries.length < MOST_QUERIES && (
          <button class="quiet add" onClick={() => setQueries([...queries, { refId: refId(queries.length), text: "", extra: {} }])}>+ Add query</button>
        )}
        <Results answer={answer} request={request} plugin={plugin} range={range} onZoom={zoom} />
      </section>
    </main>
  );
}

function requestFor(source, plugin, queries, range) {
  return {
    from: range.from,
    to: range.to,
    queries: queries.map(({ refId, text, extra }) => {
      const query = { refId, datasource: { uid: source.uid, type: source.type }, maxDataPoints: 1000, ...extra };
      if (plugin.queryTextKey) query[plugin.queryTextKey] = text;
      return query;
    }),
  };
}
