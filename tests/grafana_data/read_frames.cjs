// Reads JSON frames from stdin with Grafana's own client library and prints what it sees.
// Values that JSON cannot say are printed as {"special": "..."}.
const { dataFrameFromJSON, getFieldDisplayName } = require('@grafana/data');

const special = (value) => {
  if (value === undefined) return { special: 'undefined' };
  if (typeof value === 'number' && !Number.isFinite(value)) return { special: String(value) };
  return value;
};

const seen = (frame) => ({
  name: frame.name,
  refId: frame.refId,
  meta: frame.meta,
  length: frame.length,
  fields: frame.fields.map((field) => ({
    name: field.name,
    type: field.type,
    labels: field.labels,
    config: field.config,
    nanos: field.nanos,
    displayName: getFieldDisplayName(field, frame),
    values: Array.from(field.values, special),
  })),
});

const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', () => {
  const frames = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  process.stdout.write(JSON.stringify(frames.map((frame) => seen(dataFrameFromJSON(frame)))));
});
