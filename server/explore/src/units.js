// Values with their units, by Grafana's unit ids.

const DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const PLAIN = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

// What the page offers; of other ids the text stands behind the number.
export const UNITS = [
  ["Numbers", [["none", "Number"], ["short", "Short (1.5 K)"], ["sci", "Scientific"], ["percent", "Percent (0–100)"], ["percentunit", "Percent (0.0–1.0)"]]],
  ["Data", [["bytes", "Bytes (IEC)"], ["decbytes", "Bytes (SI)"], ["bits", "Bits (IEC)"], ["decbits", "Bits (SI)"]]],
  ["Data rate", [["binBps", "Bytes per second (IEC)"], ["Bps", "Bytes per second (SI)"], ["binbps", "Bits per second (IEC)"], ["bps", "Bits per second (SI)"]]],
  ["Time", [["ns", "Nanoseconds"], ["µs", "Microseconds"], ["ms", "Milliseconds"], ["s", "Seconds"], ["m", "Minutes"], ["h", "Hours"], ["d", "Days"]]],
  ["Throughput", [["reqps", "Requests per second"], ["ops", "Operations per second"], ["rps", "Reads per second"], ["wps", "Writes per second"], ["iops", "I/O operations per second"], ["cps", "Counts per second"], ["pps", "Packets per second"]]],
  ["Other", [["hertz", "Hertz"], ["celsius", "Celsius"], ["fahrenheit", "Fahrenheit"], ["volt", "Volt"], ["amp", "Ampere"], ["watt", "Watt"], ["watth", "Watt-hour"]]],
];

const KNOWN = new Map(UNITS.flatMap(([, units]) => units));
export const unitName = (id) => KNOWN.get(id) ?? id;

const SHORT = ["", " K", " Mil", " Bil", " Tri", " Quadr"];
const DECIMAL = ["", "k", "M", "G", "T", "P", "E"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const prefixed = (prefixes, unit) => prefixes.map((prefix) => ` ${prefix}${unit}`);

const TIMES = [["ns", 1e-9], ["µs", 1e-6], ["ms", 1e-3], ["s", 1], ["min", 60], ["h", 3600], ["d", 86400]];
const SECONDS = { ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400 };

const FORMATS = {
  none: plain(""),
  sci: (value) => value.toExponential(3).replace(/\.?0*e/, "e"),
  percent: plain("%"),
  percentunit: (value) => `${PLAIN.format(value * 100)}%`,
  short: scaled(1000, SHORT),
  bytes: scaled(1024, prefixed(BINARY, "B")),
  decbytes: scaled(1000, prefixed(DECIMAL, "B")),
  bits: scaled(1024, prefixed(BINARY, "b")),
  decbits: scaled(1000, prefixed(DECIMAL, "b")),
  binBps: scaled(1024, prefixed(BINARY, "B/s")),
  Bps: scaled(1000, prefixed(DECIMAL, "B/s")),
  binbps: scaled(1024, prefixed(BINARY, "b/s")),
  bps: scaled(1000, prefixed(DECIMAL, "b/s")),
  ...Object.fromEntries(Object.entries(SECONDS).map(([unit, seconds]) => [unit, duration(seconds)])),
  ...Object.fromEntries([["reqps", "req/s"], ["ops", "ops/s"], ["rps", "rd/s"], ["wps", "wr/s"], ["iops", "io/s"], ["cps", "c/s"], ["pps", "p/s"]]
    .map(([unit, text]) => [unit, scaled(1000, SHORT, ` ${text}`)])),
  hertz: scaled(1000, prefixed(DECIMAL, "Hz")),
  celsius: plain(" °C"),
  fahrenheit: plain(" °F"),
  volt: scaled(1000, prefixed(DECIMAL, "V")),
  amp: scaled(1000, prefixed(DECIMAL, "A")),
  watt: scaled(1000, prefixed(DECIMAL, "W")),
  watth: scaled(1000, prefixed(DECIMAL, "Wh")),
};

// A number as people read it; "–" for none.
export function number(value, unit = "") {
  if (value === null || value === undefined) return "–";
  if (unit.startsWith("suffix:")) return `${PLAIN.format(value)} ${unit.slice(7)}`;
  if (unit.startsWith("prefix:")) return unit.slice(7) + PLAIN.format(value);
  return (Object.hasOwn(FORMATS, unit) ? FORMATS[unit] : plain(unit && ` ${unit}`))(Number(value));
}

function plain(suffix) {
  return (value) => PLAIN.format(value) + suffix;
}

function scaled(factor, names, suffix = "") {
  return (value) => {
    let step = 0;
    for (; Math.abs(value) >= factor && step < names.length - 1; step++) value /= factor;
    return DIGITS.format(value) + names[step] + suffix;
  };
}

function duration(seconds) {
  return (value) => {
    const total = value * seconds;
    const [name, size] = total ? TIMES.findLast(([, size]) => Math.abs(total) >= size * (1 - 1e-9)) ?? TIMES[0] : TIMES.find(([, size]) => size === seconds);
    return `${DIGITS.format(total / size)} ${name}`;
  };
}

// Distances of an axis's ticks that are round in the unit; null leaves them to the decimal system.
export function increments(unit) {
  if (["bytes", "bits", "binBps", "binbps"].includes(unit)) return Array.from({ length: 70 }, (_, power) => 2 ** power);
  const seconds = Object.hasOwn(SECONDS, unit) && SECONDS[unit];
  if (!seconds) return null;
  const below = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** (power - 12))).flat();
  const above = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];
  const days = Array.from({ length: 8 }, (_, power) => [1, 2, 5].map((digit) => digit * 86400 * 10 ** power)).flat();
  return [...below, ...above, ...days].map((each) => each / seconds);
}
