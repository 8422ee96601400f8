import { useState } from "preact/hooks";

// Tabs by the ARIA pattern: arrow keys move among them, Tab leaves them. `tabs` are [key, label, why it is of no use].
export function Tabs({ label, tabs, value, onChange }) {
  const [refused, setRefused] = useState("");
  const usable = tabs.filter(([, , why]) => !why).map(([key]) => key);
  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = usable[(usable.indexOf(value) + step + usable.length) % usable.length];
    onChange(next);
    document.getElementById(`tab-${next}`)?.focus();
  }
  function choose(key, why) {
    setRefused(why ? key : "");
    if (!why) onChange(key);
  }
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map(([key, text, why]) => (
          <button key={key} id={`tab-${key}`} role="tab" aria-selected={key === value} aria-controls="result-panel" tabIndex={key === value ? 0 : -1} aria-disabled={why ? true : undefined} title={why} onClick={() => choose(key, why)}>{text}</button>
        ))}
      </div>
      <Why text={tabs.find(([key]) => key === refused)?.[2]} />
    </>
  );
}

function Why({ text }) {
  return text ? <span class="hint" role="status">{text}</span> : null;
}
