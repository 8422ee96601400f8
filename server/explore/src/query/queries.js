// The queries of the page: {refId, source, text, extra}. `source` is a data source's uid, empty for the usual one;
// a ref id stays a query's own, whatever is added and removed around it.

export const EXPRESSIONS = { uid: "__expr__", type: "__expr__" };
const MOST_DATA_POINTS = 1000;

export const isExpression = ({ source }) => source === EXPRESSIONS.uid;

export function emptyQuery(source = "") {
  return { refId: letter(0), source, text: "", extra: {} };
}

export function letter(index) {
  return String.fromCharCode(65 + index);
}

// `queries` and one more, under the first letter that is free.
export function added(queries, query) {
  const taken = new Set(queries.map(({ refId }) => refId));
  const refId = Array.from({ length: 26 }, (_, index) => letter(index)).find((each) => !taken.has(each));
  return [...queries, { text: "", extra: {}, ...query, refId }];
}

// `query` for another data source: text and options are of use where the plugin is the same.
export function movedTo(query, source, isSameType) {
  if (isSameType) return { ...query, source };
  const { hide } = query.extra;
  return { ...query, source, text: "", extra: hide ? { hide } : {} };
}

// The uids of data sources, each once, in the order of the queries.
export function sourcesOf(queries) {
  return [...new Set(queries.filter((query) => !isExpression(query)).map(({ source }) => source))];
}

// The body of one request for all, whatever their data sources; null while something of them is not known.
// `sourceOf` gives {uid, type} for a uid, `pluginOf` the plugin of a type.
export function requestFor(queries, range, sourceOf, pluginOf) {
  const asked = queries.map((query) => {
    if (isExpression(query)) return pluginOf(EXPRESSIONS.type) && { ...base(query, EXPRESSIONS), expression: query.text };
    const source = sourceOf(query.source);
    const plugin = source && pluginOf(source.type);
    if (!plugin) return null;
    const key = plugin.queryTextKey;
    return { ...base(query, { uid: source.uid, type: source.type }), ...(key && { [key]: query.text }) };
  });
  return asked.every(Boolean) ? { from: range.from, to: range.to, queries: asked } : null;
}

function base({ refId, extra }, datasource) {
  return { refId, datasource, maxDataPoints: MOST_DATA_POINTS, ...extra };
}
