// What a column holds, over some of its rows.
import { shown } from "../../values.js";

const BINS = 24;
const MOST_COMMON = 8;

// {count, nulls, distinct, min, max, mean, bins, common}: `bins` are counts at equal distances between the least
// and the greatest, null where the column has no order of numbers; `common` are [text, count], the most frequent
// values that occur more than once.
export function statistics(field, rows, zone) {
  const isOrdered = field.type === "number" || field.type === "time";
  const counts = new Map();
  const result = { count: rows.length, nulls: 0, distinct: 0, min: null, max: null, mean: null, bins: null, common: [] };
  let sum = 0;
  let finite = 0;
  for (const row of rows) {
    const value = field.values[row];
    if (value === null || value === undefined) {
      result.nulls += 1;
      continue;
    }
    const key = typeof value === "object" || field.nanos.has(row) ? shown(field, row, zone) : value;
    const known = counts.get(key);
    if (known) known.count += 1;
    else counts.set(key, { row, count: 1 });
    if (!isOrdered || Number.isNaN(value)) continue;
    if (result.min === null || value < field.values[result.min]) result.min = row;
    if (result.max === null || value > field.values[result.max]) result.max = row;
    if (Number.isFinite(Number(value))) {
      sum += Number(value);
      finite += 1;
    }
  }
  result.distinct = counts.size;
  if (field.type === "number" && finite) result.mean = sum / finite;
  if (isOrdered) result.bins = binned(field, rows);
  result.common = [...counts.values()].filter(({ count }) => count > 1).sort((a, b) => b.count - a.count).slice(0, MOST_COMMON).map(({ row, count }) => [shown(field, row, zone), count]);
  return result;
}

function binned(field, rows) {
  const values = rows.map((row) => field.values[row]).filter((value) => value !== null && value !== undefined).map(Number).filter(Number.isFinite);
  const [least, greatest] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  if (!(greatest > least)) return null;
  const bins = new Array(BINS).fill(0);
  for (const value of values) bins[Math.min(BINS - 1, Math.floor(((value - least) / (greatest - least)) * BINS))] += 1;
  return bins;
}
