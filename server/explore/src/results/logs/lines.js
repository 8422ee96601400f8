// Log lines out of frames.
import { title } from "../../frames.js";
import { exactJson, shown } from "../../values.js";
import { fieldNamed, pairs } from "../declared.js";

// By Grafana's words for levels; what begins so is of that level.
const LEVELS = [
  ["critical", /^(crit|fatal|emerg|alert|panic)/i], ["error", /^err/i], ["warning", /^warn/i],
  ["info", /^(info|notice)/i], ["debug", /^(debug|dbg)/i], ["trace", /^trace/i],
];
export const LEVEL_NAMES = [...LEVELS.map(([name]) => name), "unknown"];

// {time, nanos, body, level, labels: [[key, text]], fields: [[name, text]]} of each row, in the frames' order.
export function logLines(frames) {
  return frames.flatMap((frame) => {
    const time = fieldNamed(frame, "timestamp", "time") ?? frame.fields.find((field) => field.type === "time");
    const body = fieldNamed(frame, "body", "line", "message") ?? frame.fields.find((field) => field.type === "string");
    const severity = fieldNamed(frame, "severity", "level", "lvl", "detected_level");
    const labels = fieldNamed(frame, "labels");
    const others = frame.fields.filter((field) => ![time, body, labels].includes(field));
    if (!body) return [];
    return Array.from({ length: frame.length }, (_, row) => {
      const own = [...Object.entries(body.labels), ...pairs(labels?.values[row])].map(([key, value]) => [key, text(value)]);
      const said = severity?.values[row] ?? own.find(([key]) => /^(level|severity)$/i.test(key))?.[1] ?? "";
      return {
        time: time?.values[row] ?? null,
        nanos: time?.nanos.get(row) ?? 0,
        body: shown(body, row) ?? "",
        level: levelOf(String(said)),
        labels: own,
        fields: others.map((field) => [title(field), shown(field, row)]).filter(([, value]) => value !== null),
      };
    });
  });
}

const text = (value) => (typeof value === "string" ? value : exactJson(value));

function levelOf(said) {
  return LEVELS.find(([, begins]) => begins.test(said.trim()))?.[0] ?? "unknown";
}

// How many lines of each level fall into each of `count` equal spans of time: [{from, to, levels}]; empty where all are of
// one time.
export function volume(lines, count) {
  const timed = lines.filter(({ time }) => time !== null);
  const [first, last] = timed.reduce(([low, high], { time }) => [Math.min(low, time), Math.max(high, time)], [Infinity, -Infinity]);
  if (!(last > first)) return [];
  const width = (last - first) / count;
  const spans = Array.from({ length: count }, (_, index) => ({ from: first + index * width, to: first + (index + 1) * width, levels: {}, total: 0 }));
  for (const { time, level } of timed) {
    const span = spans[Math.min(count - 1, Math.floor((time - first) / width))];
    span.levels[level] = (span.levels[level] ?? 0) + 1;
    span.total += 1;
  }
  return spans;
}
