// Values as people read them.

const ZONE_KEY = "headwater.zone";

// "utc" or "browser".
export function readZone() {
  return localStorage.getItem(ZONE_KEY) ?? "utc";
}

export function keepZone(zone) {
  localStorage.setItem(ZONE_KEY, zone);
}

// The text of a cell; null for null. Times are in UTC unless `zone` is "browser".
export function shown(field, row, zone = "utc") {
  const value = field.values[row];
  if (value === null || value === undefined) return null;
  if (field.type === "time") return time(value, zone, field.nanos.get(row) ?? 0);
  if (field.type === "enum") return field.config.type?.enum?.text?.[value] ?? String(value);
  return typeof value === "object" ? exactJson(value) : String(value);
}

// JSON with whole numbers as they are.
export const exactJson = (value, indent) => JSON.stringify(value, exact, indent);

function exact(_, value) {
  if (typeof value !== "bigint") return value;
  return JSON.rawJSON ? JSON.rawJSON(String(value)) : String(value);
}

export function time(milliseconds, zone, nanos = 0) {
  const shift = zone === "browser" ? new Date(milliseconds).getTimezoneOffset() * 60_000 || 0 : 0;
  const text = iso(milliseconds - shift).replace("T", " ").replace("Z", "");
  const digits = nanos ? text + String(nanos).padStart(6, "0") : text;
  return digits.replace(/\.?0+$/, (zeros) => (zeros.startsWith(".") || /\.\d*$/.test(digits) ? "" : zeros));
}

// A time as RFC 3339 has it, in UTC.
export function rfc3339(milliseconds, nanos = 0) {
  const text = iso(milliseconds);
  return nanos ? `${text.slice(0, -1)}${String(nanos).padStart(6, "0")}Z` : text;
}

const MOST_OF_DATE = 8.64e15;
const CYCLE_YEARS = 400;
const CYCLE = 146_097 * 86_400_000;  // after which the calendar repeats

// Databases know later years than Date does.
function iso(milliseconds) {
  if (!(Math.abs(milliseconds) > MOST_OF_DATE)) return new Date(milliseconds).toISOString();
  const date = new Date(milliseconds % CYCLE);
  const year = date.getUTCFullYear() + CYCLE_YEARS * Math.trunc(milliseconds / CYCLE);
  return `${year < 0 ? "-" : "+"}${String(Math.abs(year)).padStart(6, "0")}${date.toISOString().replace(/^[+-]?\d+/, "")}`;
}

export const hasDate = (milliseconds) => Math.abs(milliseconds) <= MOST_OF_DATE;

export function byteCount(count) {
  const [divisor, unit] = count < 1e6 ? [1e3, "kB"] : count < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
  return `${(count / divisor).toFixed(1)} ${unit}`;
}

export function plural(count, word) {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

// Sorts as people expect: nulls last whatever the direction, numbers by value, text by code point.
export function sortedRows(field, rows, direction) {
  const sign = direction === "descending" ? -1 : 1;
  const { values } = field;
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  const key = (value) => (typeof value === "object" ? exactJson(value) : value);
  return rows.toSorted((a, b) => {
    const [left, right] = [values[a], values[b]];
    if (missing(left) || missing(right)) return missing(left) - missing(right) || a - b;
    const [x, y] = [key(left), key(right)];
    return x < y ? -sign : x > y ? sign : a - b;
  });
}
