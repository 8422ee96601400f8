import { useEffect, useRef } from "preact/hooks";

// Beside the rows; Esc and its button close it, which gives the focus back to where it came from.
export function SidePanel({ label, heading, hint, actions, onClose, children }) {
  const close = useRef(null);
  const came = useRef(null);
  useEffect(() => {
    came.current = document.activeElement;
    return () => {
      if (!document.activeElement || document.activeElement === document.body) came.current?.focus?.();
    };
  }, []);
  function onKey(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    onClose();
  }
  return (
    <aside class="side" aria-label={label} onKeyDown={onKey}>
      <header>
        <h2>{heading}{hint && <small>{hint}</small>}</h2>
        {actions}
        <button class="quiet" ref={close} onClick={onClose} aria-label={`Close ${label}`}>✕</button>
      </header>
      {children}
    </aside>
  );
}
