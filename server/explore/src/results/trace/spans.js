// Traces out of frames of spans, by Grafana's names of columns.
import { shown } from "../../values.js";
import { fieldNamed, pairs } from "../declared.js";

// [{id, start, end, spans, services, errors}], the longest first. Spans stand below their parents, by their start;
// times are milliseconds.
export function traces(frames) {
  const byTrace = new Map();
  for (const span of frames.flatMap(spansOf)) {
    const spans = byTrace.get(span.trace);
    if (spans) spans.push(span);
    else byTrace.set(span.trace, [span]);
  }
  const found = [...byTrace].map(([id, spans]) => ({
    id,
    spans: inOrder(spans),
    start: spans.reduce((least, { start }) => Math.min(least, start), Infinity),
    end: spans.reduce((most, { start, duration }) => Math.max(most, start + duration), -Infinity),
    services: [...new Set(spans.map(({ service }) => service))],
    errors: spans.filter(({ isError }) => isError).length,
  }));
  return found.sort((a, b) => b.end - b.start - (a.end - a.start));
}

function spansOf(frame) {
  const named = (...names) => fieldNamed(frame, ...names);
  const [trace, span, parent] = [named("traceID"), named("spanID"), named("parentSpanID")];
  const [operation, service] = [named("operationName", "name"), named("serviceName", "service")];
  const [start, duration, status, message, kind] = [named("startTime"), named("duration"), named("statusCode"), named("statusMessage"), named("kind")];
  const nested = [["Tags", named("tags", "attributes")], ["Service", named("serviceTags", "resourceTags")]];
  if (!span || !start) return [];
  return Array.from({ length: frame.length }, (_, row) => {
    const text = (field) => (field ? shown(field, row) ?? "" : "");
    const tags = nested.map(([name, field]) => [name, pairs(field?.values[row])]);
    const code = text(status);
    return {
      trace: text(trace), id: text(span), parent: text(parent), operation: text(operation), service: text(service) || "unknown",
      start: finite(start.values[row]) + (start.nanos.get(row) ?? 0) / 1e6, duration: finite(duration?.values[row]),
      isError: /^2$|error/i.test(code) || tags[0][1].some(([key, value]) => key === "error" && String(value) === "true"),
      facts: [["Span", text(span)], ["Parent", text(parent)], ["Kind", text(kind)], ["Status", code], ["Message", text(message)]].filter(([, value]) => value),
      tags: tags.filter(([, found]) => found.length),
    };
  });
}

// What is no number counts as none.
const finite = (value) => (Number.isFinite(Number(value)) ? Number(value) : 0);

// Depth first; whose parent is not there, or is below itself, is a root.
function inOrder(spans) {
  const byParent = Map.groupBy(spans.toSorted((a, b) => a.start - b.start), (span) => span.parent);
  const known = new Set(spans.map(({ id }) => id));
  const placed = new Set();
  const ordered = [];
  function place(root) {
    const waiting = [[root, 0]];  // a trace may be deeper than calls can be nested
    while (waiting.length) {
      const [span, depth] = waiting.pop();
      if (placed.has(span)) continue;
      placed.add(span);
      const children = (byParent.get(span.id) ?? []).filter((child) => !placed.has(child));
      ordered.push({ ...span, depth, children: children.length });
      children.toReversed().forEach((child) => waiting.push([child, depth + 1]));
    }
  }
  spans.filter(({ parent }) => !known.has(parent)).sort((a, b) => a.start - b.start).forEach(place);
  spans.forEach(place);
  return ordered;
}

// The spans that are in sight while those of `folded` ids hide what is below them.
export function unfolded(spans, folded) {
  let hiddenBelow = Infinity;
  return spans.filter(({ id, depth }) => {
    if (depth > hiddenBelow) return false;
    hiddenBelow = folded.has(id) ? depth : Infinity;
    return true;
  });
}
