// The places of faults in an editor's text.
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView } from "@codemirror/view";

const setMarks = StateEffect.define();

// They go with the first key: what is typed then has not failed yet.
export const faultMarks = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    const set = transaction.effects.find((effect) => effect.is(setMarks));
    if (set) return set.value;
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => [EditorView.decorations.from(field)],
});

export const faultLook = EditorView.theme({
  ".cm-fault": { textDecoration: "underline wavy var(--error) 1.5px", textUnderlineOffset: "3px", backgroundColor: "color-mix(in srgb, var(--error) 16%, transparent)" },
  ".cm-fault-line": { backgroundColor: "color-mix(in srgb, var(--error) 9%, transparent)", boxShadow: "inset 3px 0 var(--error)" },
});

// Marks the lines of `errors` with a position, and the word there if they tell the column.
export function markFaults(view, errors) {
  const { doc } = view.state;
  const marks = [];
  for (const { position, message } of errors) {
    if (!position || position.line > doc.lines) continue;
    const line = doc.line(position.line);
    marks.push(Decoration.line({ class: "cm-fault-line" }).range(line.from));
    const [from, to] = wordAt(line, position.column);
    if (to > from) marks.push(Decoration.mark({ class: "cm-fault", attributes: { title: message } }).range(from, to));
  }
  view.dispatch({ effects: setMarks.of(Decoration.set(marks, true)) });
}

// Puts the cursor there.
export function goTo(view, { line, column }) {
  const { doc } = view.state;
  if (line > doc.lines) return;
  const { from, to } = doc.line(line);
  view.dispatch({ selection: { anchor: Math.min(to, from + (column ?? 1) - 1) }, scrollIntoView: true });
  view.focus();
}

// Columns count characters, the editor UTF-16 units. At the line's end its last word is meant.
function wordAt(line, column) {
  if (!column) return [0, 0];
  const start = Math.min([...line.text].slice(0, column - 1).join("").length, line.length);
  const [word] = /^([\p{L}\p{N}_$]+|.)/u.exec(line.text.slice(start)) ?? [""];
  if (word) return [line.from + start, line.from + start + word.length];
  const [last] = /\S+\s*$/.exec(line.text) ?? [""];
  return [line.to - last.length, line.to];
}
