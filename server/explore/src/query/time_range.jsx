import { useEffect, useRef, useState } from "preact/hooks";

const PRESETS = [
  ["Last 5 minutes", "now-5m"], ["Last 15 minutes", "now-15m"], ["Last hour", "now-1h"], ["Last 6 hours", "now-6h"],
  ["Last 24 hours", "now-24h"], ["Last 7 days", "now-7d"], ["Last 30 days", "now-30d"], ["Last year", "now-1y"],
  ["Today", "now/d"], ["This week", "now/w"],
];
const PAUSES = [["Off", 0], ["5 s", 5], ["10 s", 10], ["30 s", 30], ["1 min", 60], ["5 min", 300]];

// Quick ranges; relative or absolute ends as text; running again every so often.
export function TimeRange({ value, onChange, onRefresh, running }) {
  const [pause, setPause] = useState(0);
  const latest = useRef({});
  latest.current = { onRefresh, running };
  useEffect(() => {
    if (!pause) return;
    const timer = setInterval(() => latest.current.running || latest.current.onRefresh(), pause * 1000);
    return () => clearInterval(timer);
  }, [pause]);
  const preset = value.to === "now" ? PRESETS.find(([, from]) => from === value.from) : undefined;
  return (
    <span class="range" role="group" aria-label="Time">
      <select aria-label="Time range" value={preset?.[1] ?? ""} onChange={(event) => event.target.value && onChange({ from: event.target.value, to: "now" })}>
        <option value="">Custom range</option>
        {PRESETS.map(([label, from]) => <option key={from} value={from}>{label}</option>)}
      </select>
      <End label="From" value={value.from} onChange={(from) => onChange({ ...value, from })} />
      <span aria-hidden="true">→</span>
      <End label="To" value={value.to} onChange={(to) => onChange({ ...value, to })} />
      <select aria-label="Refresh" title="Run again every" value={pause} onChange={(event) => setPause(Number(event.target.value))}>
        {PAUSES.map(([label, seconds]) => <option key={seconds} value={seconds}>{seconds ? `↻ ${label}` : "↻ Off"}</option>)}
      </select>
    </span>
  );
}

const RELATIVE = /^now([+-]\d+[smhdwMyQ]|\/f?[smhdwMyQ])*$/;

function End({ label, value, onChange }) {
  const [typed, setTyped] = useState(null);  // which nothing that is drawn anew meanwhile takes away
  const good = RELATIVE.test(value) || /^\d{10,}$/.test(value) || !Number.isNaN(Date.parse(value));
  return (
    <input
      aria-label={label} aria-invalid={!good} size="19" spellcheck={false} value={typed ?? value}
      title="Relative, such as now-6h or now/d, or absolute, such as 2026-03-01 or 2026-03-01T06:00:00Z"
      onInput={(event) => setTyped(event.target.value)} onBlur={() => setTyped(null)}
      onChange={(event) => onChange(event.target.value.trim())}
    />
  );
}
