// Calls to the host's HTTP API.

// Where this host is: a proxy, or the app that it is mounted in, may have put it under a path.
export const HERE = new URL(".", import.meta.url).href.replace(/\/$/, "");

// The token is kept for this tab only, so that a reload does not ask again: no other tab or site can use it,
// as it could a cookie, and it ends with the tab. Hosts under other paths of this origin have their own.
const KEY = `headwater.token ${HERE}`;
let token = sessionStorage.getItem(KEY) ?? "";

export function useToken(value) {
  token = value;
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
}

export const hasToken = () => token !== "";

// `place` is the path of the value that is wrong; `source` says whose fault a failed query is; `isSignedOut`,
// that it is this host, not a data source, which does not know the caller.
export class ApiError extends Error {
  constructor(message, { status = 0, requestId = "", place = "", source = "", isSignedOut = false } = {}) {
    super(message);
    Object.assign(this, { status, requestId, place, source, isSignedOut });
  }
}

export async function call(method, path, { body, accept = "application/json", headers = {}, signal } = {}) {
  const sent = { Accept: accept, ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(HERE + path, { method, headers: sent, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The host does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.isSignedOut) dispatchEvent(new CustomEvent("signedout"));
  throw error;
}

export async function json(method, path, options) {
  return (await call(method, path, options)).json();
}

async function errorOf(response) {
  const text = await response.text();
  const about = { status: response.status, requestId: response.headers.get("x-request-id") ?? "" };
  try {
    const body = JSON.parse(text);
    const failed = Object.values(body.results ?? {}).find((each) => each.error);
    if (failed) return new ApiError(failed.error, { ...about, status: failed.status, source: failed.errorSource });
    return new ApiError(body.message ?? text, { ...about, place: body.extra?.path ?? "", isSignedOut: body.messageId === "auth.unauthorized" });
  } catch {
    return new ApiError(text || `HTTP ${response.status}`, about);
  }
}

const source = (uid) => `/api/datasources/uid/${encodeURIComponent(uid)}`;

// Who the caller is, what they may do, and the data sources that they may query, by name.
export async function readSession() {
  const { datasources, permissions, user } = await json("GET", "/api/frontend/settings");
  const sources = Object.values(datasources).map(({ meta, ...source }) => ({ ...source, typeName: meta.name }));
  const may = (action) => permissions.some((scope) => scope === action || scope.startsWith(`${action}:`));
  return {
    user,
    sources: sources.sort((a, b) => a.name.localeCompare(b.name)),
    may: { query: may("datasources:query"), read: may("datasources:read"), write: may("datasources:write"), run: may("queries:run"), save: may("queries:write") },
  };
}

export const loginProviders = () => json("GET", "/api/login/providers");
export const endSession = () => call("POST", "/logout");
export const listSources = () => json("GET", "/api/datasources");
export const readSource = (uid) => json("GET", source(uid));
export const addSource = (body) => json("POST", "/api/datasources", { body });
export const updateSource = (uid, body) => json("PUT", source(uid), { body });
export const removeSource = (uid) => json("DELETE", source(uid));
export const listPlugins = () => json("GET", "/api/plugins");
export const pluginSettings = (id) => json("GET", `/api/plugins/${encodeURIComponent(id)}/settings`);

export async function health(uid) {
  try {
    return await json("GET", `${source(uid)}/health`);
  } catch (error) {
    return { status: "ERROR", message: error.message };
  }
}

export function resource(uid, path, params = {}, signal) {
  const query = new URLSearchParams(params).toString();
  return json("GET", `${source(uid)}/resources/${path}${query ? `?${query}` : ""}`, { signal });
}

// Runs queries. Yields lists of the lines that arrived together, as objects, with the bytes so far and the
// request's id. Lines of progress are among them.
export async function* queryLines({ path = "/api/ds/query", ...request }, signal) {
  const headers = { "X-Headwater-Progress": "true" };
  const response = await call("POST", path, { body: request, accept: "text/jsonl", headers, signal });
  const requestId = response.headers.get("x-request-id") ?? "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let bytes = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      bytes += value?.length ?? 0;
      const lines = (rest + decoder.decode(value, { stream: !done })).split("\n");
      rest = done ? "" : lines.pop();
      yield { lines: lines.filter(Boolean).map(parseExactly), bytes, requestId };
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});  // who wants no more ends the query
  }
}

// JSON whose integers beyond 2^53 become BigInt, where the browser shows a number's source text.
export function parseExactly(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "") ? BigInt(context.source) : value);
}

export async function queryFile({ path = "/api/ds/query", ...request }, accept, signal) {
  return (await call("POST", path, { body: request, accept, signal })).blob();
}
