import { useEffect, useRef, useState } from "preact/hooks";
import { queryLines } from "../api.js";
import { Collector } from "../frames.js";
import { Unbound, bound } from "./bind.js";
import { valueOf } from "./values.js";

const MOST = 1000;
const READING = { isPending: true };

// What each variable stands for, by name, as `valueOf` says it, with its `choices`. Those of a query are read when
// its text, the time range or a variable above it changes, or after `retry` if that failed.
export function useValues(variables, range, sourceOf, pluginOf) {
  const [read, setRead] = useState({});
  const values = {};
  const wanted = {};
  for (const variable of variables) {
    let state = {};
    if (variable.type === "query") {
      const [request, failure] = requestOf(variable, values, range, sourceOf, pluginOf);
      const key = request && JSON.stringify(request);
      if (key && read[variable.name]?.key !== key) wanted[variable.name] = { key, request };
      state = failure ? { failure } : (key && read[variable.name]?.key === key && read[variable.name]) || READING;
    }
    values[variable.name] = { ...valueOf(variable, state), choices: state.choices ?? variable.choices ?? [], isCut: state.isCut ?? false };
  }
  const asked = useRef(new Map());
  const keys = JSON.stringify(wanted);
  useEffect(() => {
    const going = new Set(Object.entries(wanted).map(([name, { key }]) => name + key));
    for (const [id, abort] of asked.current) if (!going.has(id)) abort.abort();
    for (const [name, { key, request }] of Object.entries(wanted)) {
      if (asked.current.has(name + key)) continue;
      const abort = new AbortController();
      asked.current.set(name + key, abort);
      const keep = (found) => asked.current.delete(name + key) && (abort.signal.aborted || setRead((old) => ({ ...old, [name]: { key, ...found } })));
      choicesOf(request, abort.signal).then(
        (all) => keep({ choices: all.slice(0, MOST), isCut: all.length > MOST }),
        (error) => keep({ failure: `The values of $${name} could not be read: ${error.message}` }),
      );
    }
  }, [keys]);
  const retry = () => setRead((old) => Object.fromEntries(Object.entries(old).filter(([, { failure }]) => !failure)));
  return { values, retry };
}

// The request of a variable's query, or why there is none. Variables above it may be in it.
function requestOf({ name, source, text }, values, { from, to }, sourceOf, pluginOf) {
  const found = sourceOf(source);
  if (!found) return [null, `$${name} asks a data source that you cannot query: ${source}`];
  const plugin = pluginOf(found.type);
  if (!plugin) return [null, ""];
  try {
    const query = { refId: "A", datasource: { uid: found.uid, type: found.type }, maxDataPoints: 1000, [plugin.queryTextKey]: text };
    if (plugin.queryLanguage === "promql") query.instant = true;
    const { query: asked, isPending } = bound(query, plugin, values);
    return [isPending ? null : { from, to, queries: [asked] }, ""];
  } catch (error) {
    if (error instanceof Unbound) return [null, error.message];
    throw error;
  }
}

async function choicesOf(request, signal) {
  const collector = new Collector(1);
  for await (const { lines } of queryLines(request, signal)) lines.forEach((line) => collector.add(line));
  if (collector.errors.length) throw new Error(collector.errors[0].message);
  const found = new Set();
  for (const frame of collector.frames) for (const value of valuesOf(frame)) found.add(value);
  return [...found];
}

// The column `__value`; else the first of text; else of a series its first label; else the first that is no time.
function valuesOf({ fields, length }) {
  const field = fields.find(({ name }) => name === "__value") ?? fields.find(({ type }) => type === "string");
  const labels = fields.flatMap((each) => Object.values(each.labels));
  if (!field && labels.length && length) return [labels[0]];
  const { values = [] } = field ?? fields.find(({ type }) => type !== "time") ?? {};
  return values.filter((value) => value !== null && value !== undefined).map(String);
}
