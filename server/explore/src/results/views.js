// What is fetched with the first result that needs it: charts, logs and traces.
export { Chart } from "./charts/chart.jsx";
export { Logs } from "./logs/logs.jsx";
export { Trace } from "./trace/trace.jsx";
