import { useMemo } from "preact/hooks";
import { useLinkedOptions } from "../linked.js";
import { histogramOf, isHeatMap } from "./buckets.js";
import { commonUnit } from "./drawing.js";
import { HeatMap } from "./heat_map.jsx";
import { Look } from "./look.jsx";
import { asSeries } from "./series.js";
import { TimeSeries } from "./time_series.jsx";

const MOST_BUCKETS = 2000;

// An answer as a chart, drawn as the link says. A query in format heatmap is one at first.
export function Chart({ frames, request, zone, span, onZoom }) {
  const [chosen, change] = useLinkedOptions("chart");
  const plotted = useMemo(() => asSeries(frames.filter((frame) => !isHeatMap([frame]))), [frames]);
  const histogram = useMemo(() => histogramOf(frames, asSeries(frames, MOST_BUCKETS).series), [frames]);
  const usual = histogram && (isHeatMap(frames) || !plotted.series.some(({ values }) => values.some((value) => value !== null)) || request.queries?.some(({ format }) => format === "heatmap")) ? "heat map" : "";
  const style = chosen.style === "heat map" && !histogram ? "" : chosen.style === "lines" ? "" : chosen.style || usual;
  const look = { style, stack: Boolean(chosen.stack) && style !== "points", log: Boolean(chosen.log), unit: String(chosen.unit ?? "") };
  const found = style === "heat map" ? histogram.unit : commonUnit(plotted.series);
  const series = useMemo(() => (look.unit ? plotted.series.map((each) => ({ ...each, unit: look.unit })) : plotted.series), [plotted, look.unit]);
  // Lines are named in the link only where something else is usual.
  const write = (changes) => change(changes.style === "" && usual ? { ...changes, style: "lines" } : changes);
  return (
    <>
      <Look look={look} kinds={{ heatMap: Boolean(histogram) }} found={found} onChange={write} />
      {style === "heat map"
        ? <HeatMap histogram={histogram} unit={look.unit || found} zone={zone} span={span} onZoom={onZoom} />
        : <TimeSeries series={series} total={plotted.total} look={look} zone={zone} span={span} onZoom={onZoom} />}
    </>
  );
}
