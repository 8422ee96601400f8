// Links to Grafana's Explore, as its clients make them: `panes`, and the older `left`, which is an object or
// [from, to, data source, ...queries]. The host hands them on in the fragment.
import { pluginSettings } from "./api.js";
import { EXPRESSIONS, letter } from "./query/queries.js";
import { parse, queriesState, readState, writeState } from "./url.js";

const MIXED = "-- Mixed --";

// Writes the first pane of such a link into the address as a link of this page. A data source goes by its uid
// or its name; queries of one that is not among `sources` stay behind, unless there are no others: then the page
// names it.
export async function takeGrafanaLink(sources) {
  const { panes, left } = readState();
  const pane = panes ? Object.values(parse(panes) ?? {})[0] : paneOf(parse(left ?? ""));
  if (!pane) return;
  const asked = (pane.queries ?? []).filter(Boolean).map((query) => ({ ...query, datasource: named(query) ?? named(pane) }));
  const find = (name) => sources.find((each) => each.uid === name) ?? sources.find((each) => each.name === name);
  const taken = await Promise.all(asked.map((query) => asOwn(query, find(query.datasource))));
  const queries = taken.filter(Boolean).map((query, index) => ({ refId: letter(index), ...query }));
  const { from = "", to = "" } = pane.range ?? {};
  const wanted = [pane, ...asked].map(named).find(Boolean);
  const shown = queries.length ? queriesState(queries) : { source: find(wanted)?.uid ?? wanted };
  writeState({ panes: "", left: "", from: String(from), to: String(to), ...shown });
}

// The data source that a pane or a query names.
function named({ datasource }) {
  const name = datasource?.uid ?? datasource;
  return name && name !== MIXED ? name : undefined;
}

function paneOf(left) {
  if (!Array.isArray(left)) return left;
  const [from, to, datasource, ...queries] = left;
  return { datasource, queries: queries.filter((each) => each && !each.ui && !each.mode), range: { from, to } };
}

// What is of Grafana's editors alone stays behind. Expressions go by the letters of the queries, which they keep.
async function asOwn({ refId, ...query }, source) {
  const isExpression = query.datasource === EXPRESSIONS.uid;
  if (!source && !isExpression) return null;
  const plugin = await pluginSettings((source ?? EXPRESSIONS).type);
  const { [plugin.queryTextKey]: text = "", ...others } = query;
  const known = Object.entries(others).filter(([key, value]) => key in (plugin.querySchema?.properties ?? {}) || (key === "hide" && value === true));
  return { ...(/^[A-Z]$/.test(refId) && { refId }), source: source?.uid ?? EXPRESSIONS.uid, text: String(text), extra: Object.fromEntries(known) };
}
