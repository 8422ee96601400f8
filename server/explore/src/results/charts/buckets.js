// Histograms over time, as cells between times and between the bounds of buckets.
import { isHistogram, title } from "../../frames.js";

// {times, bounds, cells, unit, added}: cells are {time, from, to, count}, with `from` and `to` the places in
// `bounds` of a bucket's ends. Of how many histograms each cell is the sum tells `added`. Null if there is none.
export function histogramOf(frames, series) {
  const native = frames.filter((frame) => frame.meta?.type === "heatmap-cells");
  if (native.length) return fromCells(native);
  const rows = frames.filter((frame) => frame.meta?.type === "heatmap-rows");
  if (rows.length) return fromRows(rows);
  const structs = frames.filter((frame) => frame.fields.some(isHistogram));
  if (structs.length) return fromStructs(structs);
  return fromBuckets(series);
}

export const isHeatMap = (frames) => frames.some((frame) => frame.meta?.type?.startsWith("heatmap"));

// Prometheus' buckets: cumulative counts with the upper bound as label `le`.
function fromBuckets(series) {
  const buckets = series.filter(({ labels }) => labels.le !== undefined && !Number.isNaN(bound(labels.le)));
  if (buckets.length < 2 || buckets.length < series.length) return null;
  const ends = [...new Set(buckets.map(({ labels }) => bound(labels.le)))].sort((a, b) => a - b);
  const reached = new Map();
  for (const { labels, times, values } of buckets) {
    const place = ends.indexOf(bound(labels.le));
    times.forEach((time, row) => {
      if (values[row] === null) return;
      const sums = reached.get(time) ?? reached.set(time, new Array(ends.length).fill(null)).get(time);
      sums[place] = (sums[place] ?? 0) + values[row];
    });
  }
  const cells = [];
  for (const [time, sums] of reached) {
    let below = 0;
    let from = 0;
    sums.forEach((sum, place) => {
      if (sum === null) return;
      cells.push([time, from ? ends[from - 1] : -Infinity, ends[place], Math.max(0, sum - below)]);
      below = sum;
      from = place + 1;
    });
  }
  const histograms = new Set(buckets.map(({ labels: { le, ...others } }) => JSON.stringify(others)));
  return histogram(cells, "", histograms.size);
}

function bound(text) {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}

// A row per time and bucket.
function fromCells(frames) {
  const cells = [];
  let unit = "";
  for (const { fields, length } of frames) {
    const named = (name) => fields.find((field) => field.name === name)?.values;
    const time = fields.find((field) => field.type === "time")?.values;
    const [low, high, count] = ["yMin", "yMax", "count"].map(named);
    if (!time || !low || !high || !count) continue;
    unit ||= fields.find((field) => field.name === "yMin").config.unit ?? "";
    for (let row = 0; row < length; row++) cells.push([time[row] / 1000, low[row], high[row], count[row] ?? 0]);
  }
  return histogram(cells, unit, frames.length);
}

// A column per bucket, named after its upper bound; counts are the bucket's own.
function fromRows(frames) {
  const cells = [];
  for (const { fields, length } of frames) {
    const time = fields.find((field) => field.type === "time")?.values;
    const buckets = fields.filter((field) => field.type === "number").map((field) => ({ end: bound(field.labels.le ?? title(field)), values: field.values }));
    if (!time || buckets.some(({ end }) => Number.isNaN(end))) continue;
    buckets.sort((a, b) => a.end - b.end);
    for (let row = 0; row < length; row++) {
      buckets.forEach(({ end, values }, place) => cells.push([time[row] / 1000, place ? buckets[place - 1].end : -Infinity, end, Number(values[row] ?? 0)]));
    }
  }
  return histogram(cells, "", frames.length);
}

// A native histogram per row.
function fromStructs(frames) {
  const cells = [];
  let most = 0;
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === "time").values;
    const perTime = new Map();
    for (const { values } of frame.fields.filter(isHistogram)) {
      values.forEach((value, row) => {
        if (!value) return;
        perTime.set(time[row], (perTime.get(time[row]) ?? 0) + 1);
        for (const { low, high, count } of value.buckets ?? []) cells.push([time[row] / 1000, low, high, count ?? 0]);
      });
    }
    most = Math.max(most, ...perTime.values());
  }
  return histogram(cells, "", most);
}

function histogram(rows, unit, added) {
  if (!rows.length) return null;
  const bounds = [...new Set(rows.flatMap(([, from, to]) => [from, to]))].sort((a, b) => a - b);
  const places = new Map(bounds.map((each, place) => [each, place]));
  const sums = new Map();
  for (const [time, low, high, count] of rows) {
    const [from, to] = [places.get(low), places.get(high)];
    const key = `${time}/${from}/${to}`;
    const cell = sums.get(key);
    if (cell) cell.count += count;
    else sums.set(key, { time, from, to, count });
  }
  const cells = [...sums.values()];
  return { times: [...new Set(cells.map(({ time }) => time))].sort((a, b) => a - b), bounds, cells, unit, added };
}
