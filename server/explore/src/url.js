// What a link to the page holds: page, data source, query and time range; never a token.

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
