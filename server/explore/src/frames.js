// Frames in columns, put together from the lines of an answer.

export const MAX_ROWS = 200_000;

const ENTITIES = { NaN: NaN, Inf: Infinity, NegInf: -Infinity };

// Collects lines; of each query at most MAX_ROWS rows are kept. `isFull` once no more is worth receiving: what
// one query leaves may still be another's, so several have as much together.
export class Collector {
  frames = [];
  errors = [];
  rows = 0;
  progress = null;
  truncated = false;
  #byId = new Map();
  #kept = new Map();
  #received = 0;
  #most;

  constructor(queries) {
    this.#most = MAX_ROWS * queries;
  }

  get isFull() {
    return this.#received > this.#most;
  }

  add(line) {
    if (line.progress) this.progress = line.progress;
    if (line.error) this.errors.push({ refId: line.refId, message: line.error, source: line.errorSource, status: line.status, position: line.errorPosition });
    if (!line.frame) return;
    const key = `${line.refId}/${line.frameId}`;
    let frame = this.#byId.get(key);
    if (!frame) {
      frame = newFrame(line.frame.schema, line.refId);
      this.#byId.set(key, frame);
      if (frame.fields.length || frame.meta) this.frames.push(frame);
    }
    this.#append(frame, line.frame.data);
  }

  #append(frame, data) {
    const count = data?.values?.[0]?.length ?? 0;
    const before = this.#kept.get(frame.refId) ?? 0;
    const kept = Math.min(count, MAX_ROWS - before);
    this.#received += count;
    this.#kept.set(frame.refId, before + kept);
    this.rows += kept;
    if (kept < count) this.truncated = true;
    frame.fields.forEach((field, column) => {
      const values = data.values[column];
      for (const [name, indices] of Object.entries(data.entities?.[column] ?? {})) {
        for (const row of indices) values[row] = ENTITIES[name];
      }
      const isTime = field.type === "time";
      const nanos = data.nanos?.[column];
      for (let row = 0; row < kept; row++) {
        field.values.push(isTime && typeof values[row] === "bigint" ? Number(values[row]) : values[row]);
        if (nanos?.[row]) field.nanos.set(frame.length + row, nanos[row]);
      }
    });
    frame.length += kept;
  }
}

function newFrame(schema, refId) {
  const fields = (schema.fields ?? []).map((field) => ({
    name: field.name ?? "",
    type: field.type,
    kind: field.typeInfo?.frame ?? field.type,
    nullable: field.typeInfo?.nullable ?? false,
    labels: field.labels ?? {},
    config: field.config ?? {},
    values: [],
    nanos: new Map(),
  }));
  return { refId, name: schema.name ?? "", meta: schema.meta ?? null, fields, length: 0 };
}

const WORDS = {
  "time.Time": "time", "json.RawMessage": "JSON", string: "text", bool: "true or false", enum: "choice", float32: "number", float64: "number", label: "label",
};

// What a column holds, in words that people know, and exactly.
export function typeNames({ kind, nullable }) {
  const exact = kind.replace("time.Time", "timestamp").replace("json.RawMessage", "json");
  return { word: WORDS[kind] ?? (/^u?int\d+$/.test(kind) ? "whole number" : kind), exact: `${exact}, ${nullable ? "may be null" : "never null"}` };
}

export function notices(frames) {
  return frames.flatMap((frame) => frame.meta?.notices ?? []);
}

// A name for a column that tells it from its neighbours.
export function title(field) {
  const shown = field.config.displayNameFromDS || field.config.displayName;
  if (shown) return shown;
  const labels = Object.entries(field.labels).map(([key, value]) => `${key}="${value}"`);
  return labels.length ? `${field.name} {${labels.join(", ")}}` : field.name;
}

// The frames that have rows to show, by query and columns: [{key, label, refId, frames}], in the queries' order.
export function tablesOf(frames) {
  const byShape = new Map();
  for (const frame of frames.filter((each) => each.fields.length)) {
    const shape = JSON.stringify([frame.refId, frame.fields.map(({ name, type }) => [name, type])]);
    const known = byShape.get(shape);
    if (known) known.push(frame);
    else byShape.set(shape, [frame]);
  }
  const tables = [...Map.groupBy(byShape.values(), ([first]) => first.refId)].sort(([a], [b]) => (a < b ? -1 : 1));
  return tables.flatMap(([refId, shapes]) => shapes.map((alike, index) => ({
    key: index ? `${refId}/${index}` : refId,
    label: shapes.length > 1 ? `Query ${refId}: ${alike[0].name || `table ${index + 1}`}` : `Query ${refId}`,
    refId, frames: alike,
  })));
}

// One table out of several frames of equal columns, such as one frame per series: labels become columns.
export function asTable(frames) {
  const usable = frames.filter((frame) => frame.fields.length);
  if (usable.length <= 1) return usable[0] ?? { fields: [], length: 0, meta: null };
  const keys = [...new Set(usable.flatMap((frame) => frame.fields.flatMap((field) => Object.keys(field.labels))))].sort();
  const first = usable[0];
  const blank = (field) => ({ ...field, labels: {}, config: { ...field.config, displayNameFromDS: "" }, values: [], nanos: new Map() });
  const columns = first.fields.map(blank);
  const labels = keys.map((key) => ({ ...blank(first.fields[0]), name: key, type: "string", kind: "label", nullable: true, config: {} }));
  let length = 0;
  for (const frame of usable) {
    const own = Object.assign({}, ...frame.fields.map((field) => field.labels));
    for (let row = 0; row < frame.length && length < MAX_ROWS; row++, length++) {
      columns.forEach((column, index) => column.values.push(frame.fields[index]?.values[row] ?? null));
      labels.forEach((column) => column.values.push(own[column.name] ?? null));
    }
  }
  return { fields: [...columns, ...labels], length, meta: first.meta };
}

// A column of native histograms, as Prometheus has them.
export const isHistogram = (field) => field.name === "Histogram" && field.kind === "json.RawMessage";

export function isPlottable(frames) {
  return frames.some((frame) => frame.fields.some((field) => field.type === "time") && frame.fields.some((field) => field.type === "number" || isHistogram(field)));
}

export function isTimeSeries(frames) {
  return isPlottable(frames) && frames.some((frame) => frame.meta?.type?.startsWith("timeseries"));
}
