import { useEffect, useState } from "preact/hooks";
import { parse } from "../url.js";
import { sourcesOf } from "./queries.js";

const KEY = "headwater.history";
const MOST = 100;
const LONGEST = 200_000;

// Runs of this browser, newest first, each {queries, variables, names of their data sources, range}; nothing of it reaches
// the host. Starred ones outlive the others.
function read() {
  const entries = parse(localStorage.getItem(KEY) ?? "");
  return Array.isArray(entries) ? entries.filter(isEntry) : [];
}

// Other versions of this page may have written other things.
function isEntry(entry) {
  const { queries, names, range } = entry ?? {};
  return Array.isArray(queries) && queries.length > 0 && queries.every((each) => each?.extra && typeof each.text === "string") && Array.isArray(names) && Boolean(range);
}

function write(entries) {
  const spare = entries.filter((entry) => !entry.starred).slice(MOST);
  keep(entries.filter((entry) => !spare.includes(entry)));
  dispatchEvent(new Event("historychange"));
}

// The browser gives a site some megabytes: the oldest make room for the newest.
function keep(entries) {
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
  } catch {
    const oldest = entries.findLastIndex(({ starred }) => !starred);
    if (oldest > 0) keep(entries.toSpliced(oldest, 1));
  }
}

const same = (a, b) => JSON.stringify([a.queries, a.variables]) === JSON.stringify([b.queries, b.variables]);

export function remember({ queries, variables, names, range }) {
  const old = read();
  const entry = { queries: queries.map(({ refId, source, text, extra }) => ({ refId, source, text, extra })), variables, names, range };
  if (JSON.stringify(entry).length > LONGEST) return;
  const starred = old.some((each) => each.starred && same(each, entry));
  write([{ ...entry, starred, at: Date.now() }, ...old.filter((each) => !same(each, entry))]);
}

export function History({ onRecall, sources }) {
  const [entries, setEntries] = useState(read);
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    const update = () => setEntries(read());
    addEventListener("historychange", update);
    return () => removeEventListener("historychange", update);
  }, []);
  const usable = entries.filter((entry) => sourcesOf(entry.queries).every((uid) => sources.some((each) => each.uid === uid)));
  if (!usable.length) return null;
  const found = usable.filter((entry) => label(entry).toLowerCase().includes(wanted.toLowerCase()));
  const ordered = [...found.filter((entry) => entry.starred), ...found.filter((entry) => !entry.starred)];
  const star = (entry) => write(entries.map((each) => (each === entry ? { ...each, starred: !each.starred } : each)));
  return (
    <div class="history">
      <h2>History <button class="quiet" title="Starred queries stay" onClick={() => write(entries.filter((entry) => entry.starred))}>Clear</button></h2>
      {usable.length > 6 && <input type="search" placeholder="Filter" aria-label="Filter history" value={wanted} onInput={(event) => setWanted(event.target.value)} />}
      <ul>
        {ordered.map((entry) => (
          <li key={entry.at}>
            <button class="star quiet" aria-pressed={!!entry.starred} aria-label={`Star ${label(entry)}`} onClick={() => star(entry)}>{entry.starred ? "★" : "☆"}</button>
            <button class="name" title={[new Date(entry.at).toLocaleString(), label(entry), ...valuesIn(entry)].join("\n")} onClick={() => onRecall(entry, false)}>
              <small>{entry.names.join(", ")}</small> {label(entry)}
            </button>
            <button class="quiet" aria-label={`Run again ${label(entry)}`} title="Run again" onClick={() => onRecall(entry, true)}>▶</button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function valuesIn({ variables = [] }) {
  return variables.map(({ name, value }) => `$${name} = ${value ?? "…"}`);
}

// What the first asks for; of several, how many more there are.
function label({ queries: [first, ...others] }) {
  const text = first.text || JSON.stringify(first.extra);
  return others.length ? `${text} +${others.length}` : text;
}
