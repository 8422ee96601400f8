import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pluginSettings } from "./api.js";
import { SaveAsNamed } from "./named/save.jsx";
import { History, remember } from "./query/history.jsx";
import { usePlugins } from "./query/plugins.js";
import { EXPRESSIONS, emptyQuery, isExpression, movedTo, requestFor, sourcesOf } from "./query/queries.js";
import { QueryRows } from "./query/query_rows.jsx";
import { SchemaBrowser } from "./query/schema_browser.jsx";
import { Share } from "./query/share.jsx";
import { TimeRange } from "./query/time_range.jsx";
import { Results } from "./results/results.jsx";
import { useRun } from "./run.js";
import { SourceSelect } from "./sources/source_select.jsx";
import { useValues } from "./variables/choices.js";
import { withVariables } from "./variables/bind.js";
import { readVariables } from "./variables/values.js";
import { AddVariable, Variables } from "./variables/variables.jsx";
import { isRun, parse, pushQueries, pushRun, queriesState, readQueries, readState, writeState } from "./url.js";

// While it is hidden it keeps what it shows.
export function Explore({ hidden, sources, onManage, onNamed, maySave }) {
  const [given, setQueries] = useState(readQueries);
  const [version, setVersion] = useState(0);
  const [variables, setVariables] = useState(() => linkedVariables());
  const [range, setRange] = useState(readRange);
  const [zoomed, setZoomed] = useState(() => readState().zoomed === "true");
  const [computes, setComputes] = useState(); // undefined until it is known, null for a host that cannot
  const [wanted, setWanted] = useState(0);
  const [active, setActive] = useState("");
  const [refused, setRefused] = useState([]);
  const { answer, run, reset, cancel } = useRun();
  const usual = (sources.find((each) => each.isDefault) ?? sources[0])?.uid ?? "";
  const queries = given.map((query) => ({ ...query, source: query.source || usual }));
  const sourceOf = (uid) => sources.find((each) => each.uid === uid);
  const uids = sourcesOf(queries);
  const asked = [...uids, ...variables.filter(({ type }) => type === "query").map(({ source }) => source)];
  const { plugins, failure } = usePlugins([...new Set(asked.map((uid) => sourceOf(uid)?.type).filter(Boolean))]);
  const pluginOf = ({ source }) => plugins[sourceOf(source)?.type];
  const ofType = (type) => (type !== EXPRESSIONS.type ? plugins[type] : computes === null ? {} : computes);
  const { values, retry } = useValues(variables, range, sourceOf, ofType);
  const unbound = requestFor(queries, range, sourceOf, ofType);
  const { request, refused: wrong } = unbound ? withVariables(unbound, values, ofType) : { request: null, refused: [] };
  const state = {
    from: range.from, to: range.to, zoomed: zoomed ? "true" : "", ...queriesState(queries),
    variables: variables.length ? JSON.stringify(variables) : "",
  };

  // Whether the host has the plugin of expressions.
  useEffect(() => {
    pluginSettings(EXPRESSIONS.type).then(setComputes, () => setComputes(null));
  }, []);
  useEffect(() => {
    if (!hidden && !wanted) writeState(state);
  }, [usual, given, range, zoomed, variables]);

  function start() {
    setRefused(wrong);
    retry();
    if (!request) return;
    remember({ queries, variables, names: uids.map((uid) => sourceOf(uid).name), range });
    pushRun(state);
    run(request);
  }
  const latest = useRef({});
  latest.current = { start, state, request, hasRun: wanted > 0 || answer.status !== "idle" };
  // A run that was asked for along with a new range or query starts once both are there, and before anything
  // else can happen, such as another Back.
  useLayoutEffect(() => {
    if (wanted && (request || wrong.length)) {
      setWanted(0);
      start();
    }
  }, [wanted, request, wrong.length]);
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
      const { page, ...linked } = readState();
      const isPage = page && page !== "explore";
      if (isPage || (isShown(linked) && isRun() === latest.current.hasRun)) return;
      show(readQueries(), readRange(), isRun(), linked.zoomed === "true", linkedVariables());
    };
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);

  const isShown = (linked) => Object.entries(latest.current.state).every(([key, value]) => (linked[key] ?? "") === value);

  // Nothing of what was there before stays: neither text nor rows nor errors.
  function show(nextQueries, nextRange, andRun, isZoomed = false, nextVariables = variables) {
    reset();
    setRefused([]);
    write(nextQueries);
    setVariables(nextVariables);
    setRange(nextRange);
    setZoomed(isZoomed);
    setWanted(andRun ? 1 : 0);
  }
  function choose(source) {
    const fresh = [emptyQuery(source)];
    pushQueries({ ...queriesState(fresh), zoomed: "", view: "", chart: "" });
    show(fresh, range, false);
  }
  function recall(entry, andRun) {
    const kept = readVariables(entry.variables);
    if (!andRun) pushQueries({ ...entry.range, zoomed: "", ...queriesState(entry.queries), variables: kept.length ? JSON.stringify(kept) : "" });
    show(entry.queries, entry.range, andRun, false, kept);
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
      <SourceSelect sources={sources} value={uids.length > 1 ? "" : uids[0] ?? ""} blank={uids.length > 1 ? "Several (one per query)" : undefined} onChange={choose} />
    </label>
  );
  const [only] = uids;
  if (uids.length === 1 && !sourceOf(only)) return <main class="message"><h1>Explore</h1>{sources.length ? <><p>You can query no data source {only}.</p>{picker}</> : <None onManage={onManage} />}</main>;

  const change = (refId, changes) => setQueries((old) => old.map((each) => (each.refId === refId ? { ...each, ...changes } : each)));
  // Other texts than those that are typed: the editors show them.
  function write(next) {
    setQueries(next.length ? next : [emptyQuery()]);
    setVersion((count) => count + 1);
  }
  // What another plugin cannot use is there again with Back.
  function move(refId, source) {
    const next = queries.map((each) => (each.refId === refId ? movedTo(each, source, sourceOf(source).type === sourceOf(each.source)?.type) : each));
    pushQueries(queriesState(next));
    write(next);
  }
  const inHand = queries.find((query) => query.refId === active && !isExpression(query)) ?? queries.find((query) => !isExpression(query));
  const plugin = inHand && pluginOf(inHand);
  // A table's name alone is no query yet.
  function insert(name, isTable) {
    const { text } = inHand;
    const whole = isTable && !text.trim() && plugin.tableQuery?.[plugin.queryTextKey];
    const next = whole ? rowsOf(whole, name, plugin.queryLanguage) : text && !/[\s(]$/.test(text) ? `${text} ${name}` : text + name;
    write(queries.map((each) => (each === inHand ? { ...each, text: next } : each)));
  }
  const saveAsNamed = unbound && maySave && inHand && (
    <SaveAsNamed asked={unbound.queries.find(({ refId }) => refId === inHand.refId)} range={range} plugin={pluginOf(inHand)} variables={variables} values={values} onOpen={onNamed} />
  );
  const isAtRow = ({ refId }) => queries.some((query) => query.refId === refId);

  return (
    <main class="explore">
      <aside aria-label="Data source and history">
        {picker}
        {plugin && <SchemaBrowser key={inHand.source} uid={inHand.source} of={uids.length > 1 ? sourceOf(inHand.source).name : ""} language={plugin.queryLanguage} onPick={insert} />}
        <History onRecall={recall} sources={sources} />
      </aside>
      <section aria-label="Queries and results">
        <div class="toolbar">
          <TimeRange value={range} onChange={changeRange} onRefresh={start} running={answer.status === "running"} />
          {answer.status === "running"
            ? <button class="cancel" onClick={cancel} title="Esc">Cancel</button>
            : <button class="primary" disabled={!unbound} onClick={() => setWanted(1)} title="Ctrl+Enter">Run</button>}
          {unbound && <Share request={request} sourceOf={sourceOf} plugins={plugins} />}
        </div>
        {failure && <p class="error" role="alert">{failure}</p>}
        <Variables variables={variables} values={values} sources={sources} onChange={setVariables} />
        <QueryRows
          queries={queries} sources={sources} pluginOf={pluginOf} version={version} errors={refused.length ? refused : answer.errors} requestId={answer.requestId}
          computes={computes} requestOf={() => latest.current.request} onChange={change} onWrite={write} onSource={move}
          onFocus={setActive} onRun={() => setWanted(1)}
          more={<><AddVariable variables={variables} sources={sources} usual={uids[0] ?? usual} onChange={setVariables} />{saveAsNamed}</>}
        />
        <Results key={uids[0]} answer={answer} errors={answer.errors.filter((error) => !isAtRow(error))} plugin={plugin} range={range} isZoomed={zoomed} onZoom={zoom} />
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

function rowsOf(query, table, language) {
  return query.replace("{table}", () => table) + (/sql/.test(language) ? " LIMIT 100" : "");
}

function None({ onManage }) {
  if (!onManage) return <p>There is no data source that you may query.</p>;
  return <><p>There is no data source yet.</p><button class="primary" onClick={onManage}>Add a data source</button></>;
}

function linkedVariables() {
  return readVariables(parse(readState().variables ?? ""));
}

function readRange() {
  const { from, to } = readState();
  return { from: from ?? "now-1h", to: to ?? "now" };
}
