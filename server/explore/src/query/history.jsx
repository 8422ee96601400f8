import { useEffect, useState } from "preact/hooks";

const KEY = "headwater.history";
const MOST = 50;

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

export function remember(entry) {
  const others = read().filter((each) => each.uid !== entry.uid || each.text !== entry.text);
  localStorage.setItem(KEY, JSON.stringify([{ ...entry, at: Date.now() }, ...others].slice(0, MOST)));
  dispatchEvent(new Event("historychange"));
}

export function History({ onRecall, sources }) {
  const [entries, setEntries] = useState(read);
  useEffect(() => {
    const update = () => setEntries(read());
    addEventListener("historychange", update);
    return () => removeEventListener("historychange", update);
  }, []);
  const usable = entries.filter((entry) => sources.some((each) => each.uid === entry.uid));
  if (!usable.length) return null;
  function clear() {
    localStorage.removeItem(KEY);
    setEntries([]);
  }
  return (
    <div class="history">
      <h2>History <button onClick={clear}>Clear</button></h2>
      <ul>
        {usable.map((entry) => (
          <li><button class="name" title={new Date(entry.at).toLocaleString()} onClick={() => onRecall(entry)}><small>{entry.source}</small> {entry.text || JSON.stringify(entry.extra)}</button></li>
        ))}
      </ul>
    </div>
  );
}
