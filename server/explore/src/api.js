// Calls to the host's HTTP API. The token stays in this module's memory: never in storage, never in a URL.

let token = "";

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function useToken(value) {
  token = value;
}

export async function call(method, path, { body, accept = "application/json", signal } = {}) {
  const headers = { Accept: accept };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!response.ok) throw new ApiError(await errorText(response), response.status);
  return response;
}

export async function json(method, path, options) {
  return (await call(method, path, options)).json();
}

async function errorText(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    const failed = Object.values(body.results ?? {}).find((each) => each.error);
    return failed?.error ?? body.message ?? text;
  } catch {
    return text || `HTTP ${response.status}`;
  }
}

const source = (uid) => `/api/datasources/uid/${encodeURIComponent(uid)}`;

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

// Runs a query and yields the chunks of its answer, a JSON object for each line, as they arrive.
export async function* queryChunks(request, signal) {
  const response = await call("POST", "/api/ds/query", { body: request, accept: "text/jsonl", signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
    if (done) break;
  }
  if (rest) yield JSON.parse(rest);
}

export async function queryArrow(request, signal) {
  const accept = "application/vnd.apache.arrow.stream";
  const response = await call("POST", "/api/ds/query", { body: request, accept, signal });
  return new Uint8Array(await response.arrayBuffer());
}
