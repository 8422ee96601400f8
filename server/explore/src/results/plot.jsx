import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

const HEIGHT = 420;

export function Plot({ series, cut }) {
  const box = useRef(null);
  useEffect(() => {
    const element = box.current;
    let plot = draw(element, series);
    const redraw = () => {
      plot.destroy();
      plot = draw(element, series);
    };
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    addEventListener("themechange", redraw);
    return () => {
      removeEventListener("themechange", redraw);
      observer.disconnect();
      plot.destroy();
    };
  }, [series]);
  return (
    <>
      {cut && <p class="notice">Only the first {series.length} series are drawn.</p>}
      <div class="plot" ref={box} />
    </>
  );
}

function draw(box, series) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
  const data = uPlot.join(series.map(({ times, values }) => [times, values]));
  const lines = series.map(({ label }, index) => ({
    label,
    stroke: `hsl(${(index * 137.5) % 360} 65% ${document.documentElement.dataset.theme === "dark" ? 62 : 42}%)`,
    width: 1.5,
    points: { show: data[0].length < 60 },
    spanGaps: true,
  }));
  const options = {
    width: box.clientWidth,
    height: HEIGHT,
    scales: { x: { time: true } },
    axes: [axis, { ...axis, size: 70 }],
    series: [{}, ...lines],
    legend: { show: series.length <= 40 },
  };
  return new uPlot(options, data, box);
}
