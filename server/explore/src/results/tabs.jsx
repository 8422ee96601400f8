// Tabs by the ARIA pattern: arrow keys move among them, Tab leaves them. `tabs` are [key, label, disabled].
export function Tabs({ label, tabs, value, onChange }) {
  const usable = tabs.filter(([, , disabled]) => !disabled).map(([key]) => key);
  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = usable[(usable.indexOf(value) + step + usable.length) % usable.length];
    onChange(next);
    document.getElementById(`tab-${next}`)?.focus();
  }
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(([key, text, disabled]) => (
        <button key={key} id={`tab-${key}`} role="tab" aria-selected={key === value} aria-controls="result-panel" tabIndex={key === value ? 0 : -1} disabled={disabled} onClick={() => onChange(key)}>{text}</button>
      ))}
    </div>
  );
}
