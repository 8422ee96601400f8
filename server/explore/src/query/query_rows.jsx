import { ExpressionRow } from "./expression_row.jsx";
import { EXPRESSIONS, added, isExpression } from "./queries.js";
import { QueryRow } from "./query_row.jsx";

const MOST_QUERIES = 12;

// All queries and expressions, and what adds more, `more` among it. Each may have a data source of its own.
export function QueryRows({ queries, sources, pluginOf, version, errors, requestId, computes, requestOf, onChange, onWrite, onSource, onFocus, onRun, more }) {
  const single = queries.length === 1;
  const shared = (query) => ({
    query, version, requestId, onRun,
    errors: errors.filter(({ refId }) => refId === query.refId),
    onText: (text) => onChange(query.refId, { text }),
    onExtra: (extra) => onChange(query.refId, { extra }),
    onRemove: () => onWrite(queries.filter((each) => each !== query)),
  });
  const add = (query) => onWrite(added(queries, query));
  const mayCompute = computes && queries.length < MOST_QUERIES;
  const last = queries.findLast((query) => !isExpression(query))?.source ?? "";
  return (
    <>
      {queries.map((query) => (isExpression(query) ? (
        <ExpressionRow key={query.refId} {...shared(query)} inputs={above(queries, query)} requestOf={requestOf} />
      ) : (
        <QueryRow
          key={`${query.source}/${query.refId}`} {...shared(query)} sources={sources} plugin={pluginOf(query)} single={single}
          onSource={(source) => onSource(query.refId, source)} onFocus={() => onFocus(query.refId)}
          onWrite={(changes) => onWrite(queries.map((each) => (each === query ? { ...query, ...changes } : each)))}
        />
      )))}
      <div class="add" role="group" aria-label="Add">
        {queries.length < MOST_QUERIES && <button class="quiet" onClick={() => add({ source: last })}>+ Add query</button>}
        {mayCompute && <button class="quiet" title="SELECT from the queries above, joined and grouped" onClick={() => add({ source: EXPRESSIONS.uid, extra: { type: "sql" } })}>+ SQL</button>}
        {mayCompute && <button class="quiet" title="Compute with the queries above, or reduce, resample and compare them" onClick={() => add({ source: EXPRESSIONS.uid, extra: { type: "math" } })}>+ Math</button>}
        {more}
      </div>
    </>
  );
}

function above(queries, query) {
  return queries.slice(0, queries.indexOf(query)).map(({ refId }) => refId);
}
