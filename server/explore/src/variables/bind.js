// Variables in a request. A variable is a value, never a piece of a query: its plugin binds it as a parameter, and
// the text has the placeholder that the plugin names for it. So nothing that a value holds can be read as query.
// Only an interval is written into the text, and that is digits and a unit.
import { isExpression } from "../query/queries.js";

const USE = /\$\{([A-Za-z]\w*)(:[^}]*)?\}|\$([A-Za-z]\w*)/g;
const WHOLE = /^\$(?:\{([A-Za-z]\w*)\}|([A-Za-z]\w*))$/;
// Comments and texts in quotes, of whatever language: what is not taken for one of these is only ever replaced by
// a placeholder, so a mistake here costs an error and no more.
const QUOTED = String.raw`('(?:[^'\\]|\\[^]|'')*'|"(?:[^"\\]|\\[^]|"")*"|\x60[^\x60]*\x60)`;
const SPANS = new RegExp(String.raw`(--[^\n]*|/\*[^]*?\*/)|${QUOTED}`, "g");
const SPANS_WITH_HASH = new RegExp(String.raw`(#[^\n]*|--\s[^\n]*|/\*[^]*?\*/)|${QUOTED}`, "g");

export class Unbound extends Error {}

// {query, isPending, used}: `query` with its variables bound, and the names of those that it uses. `values` are what
// `valueOf` says, by name. With `reference` an option that is a variable becomes reference(name), else its value.
// Throws Unbound, which says what is wrong.
export function bound(query, plugin, values, reference = (name) => values[name].value) {
  const key = plugin.queryTextKey;
  const found = { params: {}, options: new Set(), isPending: false };
  const look = (name) => valued(name, values, found);
  const options = Object.entries(query).filter(([each]) => each !== key && each !== "refId" && each !== "datasource");
  const filled = Object.fromEntries(options.map(([each, value]) => [each, option(value, values, look, reference, found)]));
  const text = typeof query[key] === "string" ? textWith(query[key], query, plugin, values, look, found) : query[key];
  const { refId, datasource } = query;
  const asked = { refId, datasource, ...filled, ...(key in query && { [key]: text }) };
  if (Object.keys(found.params).length) {
    if (Array.isArray(asked.params)) throw new Unbound("A query with numbered params takes no variables; give it named ones.");
    asked.params = { ...asked.params, ...found.params };
  }
  return { query: asked, isPending: found.isPending, used: [...new Set([...Object.keys(found.params), ...found.options])] };
}

function valued(name, values, found) {
  const value = values[name];
  if (value.failure) throw new Unbound(value.failure);
  if (value.isPending) found.isPending = true;
  return value;
}

// An option that is a variable and nothing else.
function option(value, values, look, reference, found) {
  if (Array.isArray(value)) return value.map((each) => option(each, values, look, reference, found));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, option(each, values, look, reference, found)]));
  const match = typeof value === "string" && WHOLE.exec(value);
  const name = match && (match[1] ?? match[2]);
  if (!name || !Object.hasOwn(values, name)) return value;
  if (look(name).kind === "interval") return interval(values[name]);
  found.options.add(name);
  return reference(name);
}

function textWith(text, query, plugin, values, look, found) {
  const known = (name) => Object.hasOwn(values, name);
  const place = (match, braced, format, bare) => {
    const name = braced ?? bare;
    if (!known(name)) return match;
    if (format) throw new Unbound(`${match}: a variable is a value and is bound as one, so there are no formats. Write $${name}.`);
    return placed(name, look(name), query, plugin, found);
  };
  const quoted = (span) => {
    const names = [...span.matchAll(USE)].map((match) => match[1] ?? match[3]).filter(known);
    const inside = names.find((name) => look(name).kind !== "interval");
    if (!inside) return span.replace(USE, place);
    if (WHOLE.test(span.slice(1, -1)) && isText(span[0], plugin)) return placed(inside, values[inside], query, plugin, found);
    throw new Unbound(`$${inside} stands within ${span}. A variable is a whole value: write it without quotes, and join it to other text in the query's own language.`);
  };
  let at = 0;
  let result = "";
  for (const match of text.matchAll(["promql", "mysql"].includes(plugin.queryLanguage) ? SPANS_WITH_HASH : SPANS)) {
    result += text.slice(at, match.index).replace(USE, place);
    result += match[1] ?? quoted(match[2]);
    at = match.index + match[0].length;
  }
  return result + text.slice(at).replace(USE, place);
}

// Grafana's clients write '$name', and "$name" in PromQL.
const isText = (quote, { queryLanguage }) => quote === "'" || (quote === '"' && ["promql", "mysql"].includes(queryLanguage));

function placed(name, { kind, value, isPending }, query, plugin, found) {
  if (isPending) return "";
  if (kind === "interval") return interval({ value });
  if (isExpression({ source: query.datasource.uid }) && query.type === "math") {
    if (kind === "text" || Array.isArray(value)) throw new Unbound(`Math computes with single numbers; $${name} is none.`);
    return `(${value})`;
  }
  const placeholders = plugin.parameterPlaceholders ?? {};
  const template = placeholders[Array.isArray(value) ? `${kind}[]` : kind];
  if (!template) throw new Unbound(`${plugin.name} binds no parameters in the text of a query; $${name} can be the whole of an option.`);
  found.params[name] = value;
  return template.replace(/\bname\b/, name);
}

const interval = ({ value }) => (value === "auto" ? "$__interval" : value);

// {request, refused}: the request with all variables bound, null while some values are still to come or a query
// refuses its variables, which `refused` tells by ref id.
export function withVariables(request, values, pluginOf) {
  const refused = [];
  let isPending = false;
  const queries = request.queries.map((query) => {
    try {
      const one = bound(query, pluginOf(query.datasource.type), values);
      isPending ||= one.isPending;
      return one.query;
    } catch (error) {
      if (!(error instanceof Unbound)) throw error;
      refused.push({ refId: query.refId, message: error.message });
      return null;
    }
  });
  return { request: refused.length || isPending ? null : { ...request, queries }, refused };
}
