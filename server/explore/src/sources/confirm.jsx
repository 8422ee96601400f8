import { useEffect, useRef } from "preact/hooks";

// Asks before something that cannot be undone. Esc, or leaving it, is no.
export function Confirm({ question, action, onYes, onNo }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onNo} aria-labelledby="question">
      <p id="question">{question}</p>
      <p class="actions">
        <button class="cancel" onClick={onYes}>{action}</button>
        <button autofocus onClick={() => dialog.current.close()}>Keep</button>
      </p>
    </dialog>
  );
}
