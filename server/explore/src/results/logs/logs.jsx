import { useMemo, useState } from "preact/hooks";
import { plural, time } from "../../values.js";
import { LEVEL_NAMES, logLines } from "./lines.js";
import { Volume } from "./volume.jsx";

const PAGE = 500;

// Log lines, newest first, by level and by what they contain; a line opens to its labels and fields.
export function Logs({ frames, zone }) {
  const lines = useMemo(() => logLines(frames), [frames]);
  const [wanted, setWanted] = useState("");
  const [hidden, setHidden] = useState(new Set());
  const [isOldestFirst, setOldestFirst] = useState(false);
  const [wraps, setWraps] = useState(true);
  const [most, setMost] = useState(PAGE);
  const counts = useMemo(() => new Map(LEVEL_NAMES.map((level) => [level, lines.filter((line) => line.level === level).length])), [lines]);
  const found = useMemo(() => {
    const text = wanted.toLowerCase();
    const kept = lines.filter(({ level, body }) => !hidden.has(level) && (!text || body.toLowerCase().includes(text)));
    const sign = isOldestFirst ? 1 : -1;
    return kept.sort((a, b) => sign * (a.time - b.time || a.nanos - b.nanos));
  }, [lines, wanted, hidden, isOldestFirst]);
  function toggle(level) {
    const next = new Set(hidden);
    if (!next.delete(level)) next.add(level);
    setHidden(next);
  }
  return (
    <>
      <div class="look" role="group" aria-label="Log lines">
        <input type="search" aria-label="Lines that contain" placeholder="Lines that contain…" value={wanted} onInput={(event) => setWanted(event.target.value)} />
        <span class="levels" role="group" aria-label="Levels">
          {LEVEL_NAMES.filter((level) => counts.get(level)).map((level) => (
            <button key={level} class={`level ${level}`} aria-pressed={!hidden.has(level)} onClick={() => toggle(level)}>{level} <span>{counts.get(level).toLocaleString("en")}</span></button>
          ))}
        </span>
        <label class="check"><input type="checkbox" checked={isOldestFirst} onChange={(event) => setOldestFirst(event.target.checked)} /><span>Oldest first</span></label>
        <label class="check"><input type="checkbox" checked={wraps} onChange={(event) => setWraps(event.target.checked)} /><span>Wrap lines</span></label>
      </div>
      <Volume lines={found} zone={zone} />
      <ol class={`log-lines${wraps ? " wraps" : ""}`} aria-label="Log lines" onKeyDown={moveAmongLines}>
        {found.slice(0, most).map((line, index) => <Line key={index} line={line} wanted={wanted} zone={zone} />)}
      </ol>
      {found.length > most
        ? <button class="more" onClick={() => setMost(most + PAGE)}>Show more: {(found.length - most).toLocaleString("en")} lines are left</button>
        : <p class="hint">{found.length < lines.length ? `${found.length.toLocaleString("en")} of ` : ""}{plural(lines.length, "line")}. Times are in {zone === "utc" ? "UTC" : "local time"}.</p>}
    </>
  );
}

function Line({ line, wanted, zone }) {
  const [open, setOpen] = useState(false);
  const details = [...line.labels, ...line.fields];
  return (
    <li class={`log-line ${line.level}`}>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary><time>{line.time === null ? "" : time(line.time, zone, line.nanos)}</time><span class="line-body"><Marked text={line.body} wanted={wanted} /></span><span class="sr">{line.level}</span></summary>
        {open && <dl>{details.map(([key, value], index) => <div key={index}><dt>{key}</dt><dd>{value}</dd></div>)}</dl>}
      </details>
    </li>
  );
}

function Marked({ text, wanted }) {
  if (!wanted) return text;
  const parts = [];
  const [all, part] = [text.toLowerCase(), wanted.toLowerCase()];
  let from = 0;
  for (let at = all.indexOf(part); at >= 0; at = all.indexOf(part, from)) {
    parts.push(text.slice(from, at), <mark>{text.slice(at, at + part.length)}</mark>);
    from = at + part.length;
  }
  return [...parts, text.slice(from)];
}

function moveAmongLines(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target.tagName !== "SUMMARY") return;
  event.preventDefault();
  const all = [...event.currentTarget.querySelectorAll("summary")];
  all[all.indexOf(event.target) + step]?.focus();
}
