const PRESETS = [
  ["Last 5 minutes", "now-5m"], ["Last 15 minutes", "now-15m"], ["Last hour", "now-1h"], ["Last 6 hours", "now-6h"],
  ["Last 24 hours", "now-24h"], ["Last 7 days", "now-7d"], ["Last 30 days", "now-30d"], ["Last year", "now-1y"],
];

export function TimeRange({ value, onChange }) {
  const preset = value.to === "now" ? PRESETS.find(([, from]) => from === value.from) : undefined;
  return (
    <span class="range">
      <select aria-label="Time range" value={preset?.[1] ?? ""} onChange={(event) => event.target.value && onChange({ from: event.target.value, to: "now" })}>
        <option value="">Custom</option>
        {PRESETS.map(([label, from]) => <option value={from}>{label}</option>)}
      </select>
      <input aria-label="From" size="20" value={value.from} onChange={(event) => onChange({ ...value, from: event.target.value })} />
      <input aria-label="To" size="20" value={value.to} onChange={(event) => onChange({ ...value, to: event.target.value })} />
    </span>
  );
}
