import { useEffect, useRef, useState } from "preact/hooks";

// A chart in an element, drawn anew when one of `inputs` or the theme changes, and as wide as its element.
// `make(element)` gives a uPlot; returns references to both.
export function useCanvas(make, height, inputs) {
  const box = useRef(null);
  const plot = useRef(null);
  const [theme, setTheme] = useState(document.documentElement.dataset.theme);
  useEffect(() => {
    const change = () => setTheme(document.documentElement.dataset.theme);
    addEventListener("themechange", change);
    return () => removeEventListener("themechange", change);
  }, []);
  useEffect(() => {
    const element = box.current;
    plot.current = make(element);
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [...inputs, theme]);
  return { box, plot };
}
