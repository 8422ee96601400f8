// What a link to the page holds: page, data sources, queries and time range; never a token.
//
// An entry of the browser's history is made for each run, each change of the data source and each page; what is
// typed in between is written into the entry at hand. `history.state.ran` is the state that the entry ran with.
import { letter } from "./query/queries.js";

// `headwater serve` prints a link with the token in the fragment, which browsers do not send. It is taken
// out of the address bar and the history at once.
export function takeToken() {
  const params = read();
  const token = params.get("token") ?? "";
  if (token) {
    params.delete("token");
    replace(params);
  }
  return token;
}

export function readState() {
  return Object.fromEntries(read());
}

// The first query is readable in the link; `more` holds the others, as far as they are not as usual.
export function readQueries() {
  const { ref = "", source = "", query = "", options = "", more = "" } = readState();
  const others = parse(more);
  const first = { refId: ref, source, text: query, extra: parse(options) };
  return [first, ...(Array.isArray(others) ? others : [])].filter(Boolean).map((each, index) => ({
    refId: /^[A-Z]$/.test(each.refId) ? each.refId : letter(index),
    source: String(each.source ?? source),
    text: String(each.text ?? ""),
    extra: each.extra ?? {},
  }));
}

export function queriesState([first, ...others]) {
  const ref = ({ refId }, index) => (refId === letter(index) ? {} : { refId });
  const own = ({ source }) => (source === first.source ? {} : { source });
  return {
    ref: ref(first, 0).refId ?? "",
    source: first.source,
    query: first.text,
    options: Object.keys(first.extra).length ? JSON.stringify(first.extra) : "",
    more: others.length ? JSON.stringify(others.map((each, index) => ({ ...ref(each, index + 1), ...own(each), text: each.text, extra: each.extra }))) : "",
  };
}

export function writeState(changes) {
  replace(changed(changes));
}

// New entries, to which Back returns: for another page, which keeps what Explore shows,
export function pushPage(changes) {
  enter("pushState", history.state, changed(changes));
}

// for queries that have not run,
export function pushQueries(changes) {
  enter("pushState", null, changed(changes));
}

// and for a run, unless it ran already. The entry before goes back to what it ran with.
export function pushRun(changes) {
  const next = changed(changes);
  const { ran } = history.state ?? {};
  if (ran === asked(next)) return replace(next);
  if (ran) replace(changed(Object.fromEntries(new URLSearchParams(ran))));
  enter("pushState", { ran: asked(next) }, next);
}

// Whether this entry is a run.
export function isRun() {
  return history.state?.ran === asked(read());
}

const ASKED = ["ref", "source", "from", "to", "zoomed", "query", "options", "more", "variables"];

function asked(params) {
  return String(new URLSearchParams(ASKED.map((key) => [key, params.get(key) ?? ""])));
}

function read() {
  return new URLSearchParams(location.hash.slice(1));
}

function changed(changes) {
  const params = read();
  for (const [key, value] of Object.entries(changes)) {
    if (value) params.set(key, value);
    else params.delete(key);
  }
  return params;
}

function replace(params) {
  enter("replaceState", history.state, params);
}

// Browsers refuse addresses of megabytes, and some more than a hundred changes in ten seconds: the page works on.
function enter(method, state, params) {
  try {
    history[method](state, "", `#${params}`);
  } catch (error) {
    console.warn(`The address does not hold what the page shows: ${error.message}`);
  }
}

export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
