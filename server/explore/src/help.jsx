import { useEffect, useRef, useState } from "preact/hooks";

const KEYS = [
  ["Anywhere", [
    ["Ctrl+Enter", "Runs the queries"], ["Esc", "Cancels the run, or closes what stands beside the rows"], ["?", "Shows these keys"],
  ]],
  ["In the editor", [
    ["Ctrl+Space", "Suggests at once"], ["↓, Enter", "Takes a suggestion"], ["Alt+Shift+F", "Puts the query in order"], ["Ctrl+Z, Ctrl+Y", "Undoes, does again"], ["Tab", "Leaves the editor"],
  ]],
  ["In the table", [
    ["Arrow keys, Page Up, Page Down", "Move the cell cursor"], ["Enter", "Shows the row whole"], ["Ctrl+C", "Copies the cell"],
  ]],
  ["In logs and traces", [
    ["↑, ↓", "Move"], ["Enter", "Opens a line or a span"], ["←, →", "Fold and unfold spans"],
  ]],
  ["In tabs", [["←, →", "The next view"]]],
];

// The keys of the page: by its button, and by ? wherever no text is typed.
export function Help() {
  const [open, setOpen] = useState(false);
  const dialog = useRef(null);
  useEffect(() => {
    const onKey = (event) => {
      if (event.key !== "?" || event.ctrlKey || event.metaKey || isTyping(event)) return;
      event.preventDefault();
      setOpen(true);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    if (open) dialog.current.showModal();
  }, [open]);
  return (
    <>
      <button class="quiet" aria-label="Keys" title="Keys (?)" onClick={() => setOpen(true)}>?</button>
      {open && (
        <dialog ref={dialog} class="keys" aria-label="Keys" onClose={() => setOpen(false)} onKeyDown={(event) => event.key === "Escape" && event.stopPropagation()} onClick={(event) => event.target === dialog.current && dialog.current.close()}>
          <header><h1>Keys</h1><button class="quiet" onClick={() => dialog.current.close()} aria-label="Close">✕</button></header>
          {KEYS.map(([where, keys]) => (
            <section key={where} aria-label={where}>
              <h2>{where}</h2>
              <dl>{keys.map(([key, does]) => <div key={key}><dt>{key.split(/(, )/).map((each) => (each === ", " ? each : each.split("+").map((part, index) => <>{index > 0 && "+"}<kbd>{part}</kbd></>)))}</dt><dd>{does}</dd></div>)}</dl>
            </section>
          ))}
        </dialog>
      )}
    </>
  );
}

function isTyping(event) {
  const target = event.composedPath()[0];
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName ?? "");
}
