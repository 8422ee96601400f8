// What a link to the page holds: page, data source, queries and time range; never a token.

// `headwater serve` prints a link with the token in the fragment, which browsers do not send. It is taken
// out of the address bar and the history at once.
export function takeToken() {
  const params = new URLSearchParams(location.hash.slice(1));
  const token = params.get("token") ?? "";
  if (token) {
    params.delete("token");
    replace(params);
  }
  return token;
}

export function readState() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

// The first query is readable in the link; `more` holds the others.
export function readQueries() {
  const { query = "", options = "", more = "" } = readState();
  const others = parse(more);
  return [{ text: query, extra: parse(options) ?? {} }, ...(Array.isArray(others) ? others : [])]
    .map(({ text, extra }, index) => ({ refId: refId(index), text: String(text ?? ""), extra: extra ?? {} }));
}

export function queriesState([first, ...others]) {
  return {
    query: first.text,
    options: Object.keys(first.extra).length ? JSON.stringify(first.extra) : "",
    more: others.length ? JSON.stringify(others.map(({ text, extra }) => ({ text, extra }))) : "",
  };
}

export function refId(index) {
  return String.fromCharCode(65 + index);
}

export function writeState(changes) {
  const params = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(changes)) {
    if (value) params.set(key, value);
    else params.delete(key);
  }
  replace(params);
}

function replace(params) {
  history.replaceState(null, "", `${location.pathname}#${params}`);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
