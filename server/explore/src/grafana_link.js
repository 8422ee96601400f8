// Links to Grafana's Explore, as its clients make them: `panes`, and the older `left`, which is an object or
// [from, to, data source, ...queries]. The host hands them on in the fragment.
import { pluginSettings } from "./api.js";
import { parse, queriesState, readState, refId, writeState } from "./url.js";

const MIXED = "-- Mixed --";

// Writes the first pane of such a link into the address as a link of this page. A data source goes by its uid
// or its name; one that is not among `sources` is left to the page to name.
export async function takeGrafanaLink(sources) {
  const { panes, left } = readState();
  const pane = panes ? Object.values(parse(panes) ?? {})[0] : paneOf(parse(left ?? ""));
  if (!pane) return;
  const asked = (pane.queries ?? []).filter(Boolean);
  const wanted = [pane.datasource, ...asked.map((query) => query.datasource)].map((each) => each?.uid ?? each).find((each) => each && each !== MIXED);
  const source = sources.find((each) => each.uid === wanted) ?? sources.find((each) => each.name === wanted);
  const plugin = source && (await pluginSettings(source.type));
  const isOwn = ({ datasource }) => [undefined, null, source?.uid, source?.name].includes(datasource?.uid ?? datasource);
  const queries = plugin ? asked.filter(isOwn).map((query, index) => asOwn(query, plugin, index)) : [];
  const { from = "", to = "" } = pane.range ?? {};
  const shown = queries.length ? queriesState(queries) : {};
  writeState({ panes: "", left: "", source: source?.uid ?? wanted, from: String(from), to: String(to), ...shown });
}

function paneOf(left) {
  if (!Array.isArray(left)) return left;
  const [from, to, datasource, ...queries] = left;
  return { datasource, queries: queries.filter((each) => each && !each.ui && !each.mode), range: { from, to } };
}

// What is of Grafana's editors alone stays behind.
function asOwn(query, plugin, index) {
  const { [plugin.queryTextKey]: text = "", ...others } = query;
  const known = Object.entries(others).filter(([key]) => key in (plugin.querySchema?.properties ?? {}));
  return { refId: refId(index), text: String(text), extra: Object.fromEntries(known) };
}
