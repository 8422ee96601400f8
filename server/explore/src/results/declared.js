import { parseExactly } from "../api.js";

// What a frame is declared as, by Grafana's hint or by its type: "logs", "trace", or "". A list of traces is none.
export function declaredAs(frame) {
  const hint = frame.meta?.preferredVisualisationType ?? "";
  if (hint === "trace") return fieldNamed(frame, "spanID") ? hint : "";
  return hint === "logs" || frame.meta?.type === "log-lines" ? "logs" : "";
}

// A field by the first of the names that there is, whatever its case.
export function fieldNamed(frame, ...names) {
  for (const name of names) {
    const found = frame.fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
    if (found) return found;
  }
  return undefined;
}

// Key-value pairs out of what holds them: an object, its JSON, or a list of {key, value}.
export function pairs(value) {
  if (value === null || value === undefined) return [];
  if (typeof value === "string") {
    try {
      return pairs(parseExactly(value));
    } catch {
      return [];
    }
  }
  if (Array.isArray(value)) {
    return value.map((each) => (Array.isArray(each) ? each : [each?.key, each?.value])).filter(([key]) => key !== undefined).map(([key, each]) => [String(key), each]);
  }
  return typeof value === "object" ? Object.entries(value) : [];
}
