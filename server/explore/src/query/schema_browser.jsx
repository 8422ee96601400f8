import { useEffect, useState } from "preact/hooks";
import { resource } from "../api.js";
import { pathOf, placeOf, records } from "./completion.js";
import { spelling } from "./sql_place.js";

const MOST = 500;

// Tables and their columns, metrics and their labels, or scenarios: whatever the data source has.
const KINDS = [
  { path: "tables", title: "Tables", inner: (uid, item) => resource(uid, "columns", { table: item.name, database: placeOf(item) }) },
  { path: "api/v1/label/__name__/values", title: "Metrics", inner: (uid, item) => resource(uid, "api/v1/labels", { "match[]": item.name }) },
  { path: "scenarios", title: "Scenarios", inner: null },
];

// `of` names the data source where there are several.
export function SchemaBrowser({ uid, of, language, onPick }) {
  const [found, setFound] = useState(null);
  const [wanted, setWanted] = useState("");

  useEffect(() => {
    let current = true;
    discover(uid, language).then((result) => current && setFound(result), (error) => current && setFound({ items: [], failure: error.message }));
    return () => { current = false; };
  }, [uid]);

  if (!found) return <p class="hint">Reading the schema…</p>;
  if (found.failure) return <p class="hint">The schema could not be read: {found.failure}</p>;
  if (!found.items.length) return found.kind ? <p class="hint">No {found.kind.title.toLowerCase()} yet</p> : null;
  // As SQL takes it: a name such as a file's is quoted.
  const spell = /sql/.test(language) ? spelling(language) : (each) => each;
  const pick = (path, isTable) => onPick(path.map(spell).join("."), isTable);
  const matching = found.items.filter((item) => name(item).toLowerCase().includes(wanted.toLowerCase()));
  return (
    <div class="schema">
      <h2>{found.kind.title}{of && <small> of {of}</small>}</h2>
      <input type="search" placeholder="Filter" aria-label={`Filter ${found.kind.title.toLowerCase()}`} value={wanted} onInput={(event) => setWanted(event.target.value)} />
      <ul>
        {matching.slice(0, MOST).map((item) => <Item key={name(item)} uid={uid} item={item} kind={found.kind} onPick={pick} />)}
        {matching.length > MOST && <li class="hint">{matching.length - MOST} more; filter to see them</li>}
      </ul>
    </div>
  );
}

async function discover(uid, language) {
  const [tables, metrics, scenarios] = KINDS;
  for (const kind of language === "promql" ? [metrics] : [tables, scenarios]) {
    try {
      return { kind, items: records(await resource(uid, kind.path)) };
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }
  return { items: [] };
}

const path = (item) => (item.name ? pathOf(item) : [item.id ?? ""]);
const name = (item) => path(item).join(".");

function Item({ uid, item, kind, onPick }) {
  const [open, setOpen] = useState(false);
  const [inner, setInner] = useState(null);

  async function toggle() {
    setOpen(!open);
    if (!inner && kind.inner) {
      try {
        setInner(records(await kind.inner(uid, item)));
      } catch (error) {
        setInner([{ name: error.message }]);
      }
    }
  }

  return (
    <li>
      {kind.inner && <button class="twist" aria-expanded={open} aria-label={`${kind.path === "tables" ? "Columns" : "Labels"} of ${name(item)}`} onClick={toggle}>{open ? "▾" : "▸"}</button>}
      <button class="name" title={item.comment || item.description || ""} onClick={() => onPick(path(item), kind.path === "tables")}>{name(item)}</button>
      {open && (
        <ul>
          {(inner ?? []).map((each) => (
            <li><button class="name" title={each.comment || ""} onClick={() => onPick([each.name])}>{each.name}</button> <small>{each.type}</small></li>
          ))}
        </ul>
      )}
    </li>
  );
}
