// The time axis that charts have in common.
import uPlot from "uplot";

// Labels by the distance of ticks: [seconds, label, …, label when the year, day or hour turns].
export const TIMES = [
  [3600 * 24 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [3600 * 24 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [3600 * 24, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [0.001, "{ss}.{fff}", "\n{HH}:{mm}", null, null, null, "\n{HH}:{mm}", null, 1],
];

export function zoned(zone) {
  return zone === "utc" ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : undefined;
}

// Tells the span that was dragged over, and takes the selection away.
export function zoomOf(plot, onZoom) {
  const { left, width } = plot.select;
  if (width < 4) return;
  const [from, to] = [left, left + width].map((place) => plot.posToVal(place, "x") * 1000);
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  onZoom(ends(from, to));
}

// In whole seconds, unless the span is that small.
function ends(from, to) {
  if (to - from < 10_000) return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  const text = (milliseconds) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
  return { from: text(Math.floor(from / 1000) * 1000), to: text(Math.ceil(to / 1000) * 1000) };
}
