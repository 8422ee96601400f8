// Frames in columns, put together from the chunks of an answer.

export const MAX_ROWS = 200_000;

const ENTITIES = { NaN: NaN, Inf: Infinity, NegInf: -Infinity };

// Collects chunks; `rows` counts all that arrived, of which at most MAX_ROWS a frame are kept.
export class Collector {
  frames = [];
  rows = 0;
  truncated = false;
  #byId = new Map();

  add(chunk) {
    if (chunk.error) throw new Error(chunk.error);
    if (!chunk.frame) return;
    const key = `${chunk.refId}/${chunk.frameId}`;
    let frame = this.#byId.get(key);
    if (!frame) {
      frame = newFrame(chunk.frame.schema);
      this.#byId.set(key, frame);
      if (frame.fields.length || frame.meta?.notices?.length) this.frames.push(frame);
    }
    this.#append(frame, chunk.frame.data);
  }

  #append(frame, data) {
    const count = data?.values?.[0]?.length ?? 0;
    this.rows += count;
    const room = MAX_ROWS - frame.length;
    if (count > room) this.truncated = true;
    if (room <= 0) return;
    frame.fields.forEach((field, column) => {
      const values = data.values[column];
      for (const [name, indices] of Object.entries(data.entities?.[column] ?? {})) {
        for (const row of indices) values[row] = ENTITIES[name];
      }
      for (let row = 0; row < Math.min(count, room); row++) field.values.push(values[row]);
    });
    frame.length += Math.min(count, room);
  }
}

function newFrame(schema) {
  const fields = (schema.fields ?? []).map((field) => ({
    name: field.name ?? "",
    type: field.type,
    kind: field.typeInfo?.frame ?? field.type,
    nullable: field.typeInfo?.nullable ?? false,
    labels: field.labels ?? {},
    config: field.config ?? {},
    values: [],
  }));
  return { name: schema.name ?? "", meta: schema.meta ?? null, fields, length: 0 };
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

export function shown(value, field) {
  if (value === null || value === undefined) return null;
  if (field.type === "time") return new Date(value).toISOString().replace("T", " ").replace(/\.?0*Z$/, "");
  if (field.type === "enum") return field.config.type?.enum?.text?.[value] ?? String(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// One table out of several frames of equal columns, such as one frame per series: labels become columns.
export function asTable(frames) {
  const usable = frames.filter((frame) => frame.fields.length);
  if (usable.length <= 1) return usable[0] ?? { fields: [], length: 0, meta: null };
  const keys = [...new Set(usable.flatMap((frame) => frame.fields.flatMap((field) => Object.keys(field.labels))))].sort();
  const first = usable[0];
  const blank = (field) => ({ ...field, labels: {}, config: { ...field.config, displayNameFromDS: "" }, values: [] });
  const columns = first.fields.map(blank);
  const labels = keys.map((key) => ({ ...blank(first.fields[0]), name: key, type: "string", kind: "string", config: {} }));
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

// Time series of an answer: [{label, times, values}] with times in seconds, sorted.
export function asSeries(frames, limit = 100) {
  const series = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === "time");
    if (!time) continue;
    const texts = frame.fields.filter((field) => field.type === "string");
    for (const field of frame.fields) {
      if (field.type !== "number") continue;
      for (const [name, rows] of split(frame, texts)) {
        if (series.length >= limit) return { series, cut: true };
        series.push(oneSeries(time, field, rows, name));
      }
    }
  }
  return { series, cut: false };
}

function split(frame, texts) {
  const groups = new Map();
  for (let row = 0; row < frame.length; row++) {
    const name = texts.map((field) => `${field.name}="${field.values[row]}"`).join(", ");
    const rows = groups.get(name);
    if (rows) rows.push(row);
    else groups.set(name, [row]);
  }
  return groups;
}

function oneSeries(time, field, rows, name) {
  const kept = rows.filter((row) => time.values[row] !== null);
  kept.sort((a, b) => time.values[a] - time.values[b]);
  return {
    label: name ? `${title(field)} {${name}}` : title(field),
    times: kept.map((row) => time.values[row] / 1000),
    values: kept.map((row) => (Number.isFinite(field.values[row]) ? field.values[row] : null)),
  };
}
