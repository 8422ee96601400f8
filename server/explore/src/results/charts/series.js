// Time series out of an answer's frames.
import { title } from "../../frames.js";
import { hasDate } from "../../values.js";

// [{label, name, labels, unit, times, values}] with times in seconds, sorted; and of how many they are the first.
export function asSeries(frames, limit = 100) {
  const series = [];
  const several = new Set(frames.map((frame) => frame.refId)).size > 1;
  let total = 0;
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === "time");
    if (!time) continue;
    const groups = split(frame, frame.fields.filter((field) => field.type === "string"));
    for (const field of frame.fields) {
      if (field.type !== "number") continue;
      total += groups.size;
      for (const { rows, labels } of groups.values()) {
        if (series.length >= limit) break;
        const one = oneSeries(time, field, rows, labels);
        series.push(several ? { ...one, label: `${frame.refId}: ${one.label}` } : one);
      }
    }
  }
  return { series, total };
}

// Rows by what their columns of text say.
function split(frame, texts) {
  const groups = new Map();
  for (let row = 0; row < frame.length; row++) {
    const name = texts.map((field) => `${field.name}="${field.values[row]}"`).join(", ");
    const group = groups.get(name);
    if (group) group.rows.push(row);
    else groups.set(name, { rows: [row], labels: Object.fromEntries(texts.map((field) => [field.name, String(field.values[row])])) });
  }
  return groups;
}

function oneSeries(time, field, rows, labels) {
  const kept = rows.filter((row) => time.values[row] !== null && hasDate(time.values[row]));
  kept.sort((a, b) => time.values[a] - time.values[b]);
  const values = kept.map((row) => (field.values[row] === null ? null : Number(field.values[row])));
  const name = Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(", ");
  return {
    label: name ? `${title(field)} {${name}}` : title(field),
    name: field.name,
    labels: { ...field.labels, ...labels },
    unit: field.config.unit ?? "",
    times: kept.map((row) => time.values[row] / 1000),
    values: values.map((value) => (Number.isFinite(value) ? value : null)),
  };
}
