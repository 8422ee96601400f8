import { autocompletion, closeCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewline } from "@codemirror/commands";
import { MySQL, PostgreSQL } from "@codemirror/lang-sql";
import { HighlightStyle, LanguageSupport, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef } from "preact/hooks";
import { faultLook, faultMarks, goTo, markFaults } from "./marks.js";
import { PrometheusMetadata, SqlNames, sqlKeywordCompletion, sqlNameCompletion } from "./completion.js";
import { spelling } from "./sql_place.js";

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--number)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.standard(tags.name)], color: "var(--accent)" },
]);
const LOOK = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--field)", fontSize: "14px" },
  ".cm-content": { caretColor: "var(--text)", fontFamily: "var(--mono)", minHeight: "var(--editor-height, 4.5em)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--field)", color: "var(--muted)", border: "none" },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection) !important" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", color: "var(--text)", border: "1px solid var(--line)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--panel)" },
});

// The editor lives in a shadow root: there its styles are constructed sheets, which the page's
// Content-Security-Policy allows, where it would refuse the <style> element they otherwise come in.
//
// What is typed flows out through `onChange`. `value` is written into the editor only when `version` changes:
// a text that comes back late, while the next key has been typed, must not undo it.
//
// Keys write what they say: nothing closes brackets or indents, and Enter takes a suggestion only after an
// arrow key moved to it.
// `errors` with a position are marked until the text changes; `target` is one of them to put the cursor at.
export function Editor({ uid, plugin, label, value, version, errors = [], target, onChange, onRun, onFormat }) {
  const host = useRef(null);
  const view = useRef(null);
  const latest = useRef({});
  latest.current = { onChange, onRun, onFormat };

  useEffect(() => {
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    view.current = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: value,
        extensions: [
          Prec.highest(keymap.of([{ key: "Mod-Enter", run: (editor) => (closeCompletion(editor), latest.current.onRun(), true) }])),
          keymap.of([{ key: "Alt-Shift-f", run: () => (latest.current.onFormat?.(), true) }]),
          keymap.of([{ key: "Enter", run: insertNewline }, ...defaultKeymap.filter(({ key }) => key !== "Escape"), ...historyKeymap]),
          history(), lineNumbers(), bracketMatching(), autocompletion({ selectOnOpen: false, updateSyncTime: 500 }),
          syntaxHighlighting(COLOURS), LOOK, faultMarks, faultLook, EditorView.lineWrapping,
          EditorView.domEventHandlers({ beforeinput: replaceSelection }),
          EditorView.contentAttributes.of({ "aria-label": label }),
          placeholder(hint(plugin)),
          languageOf(plugin, uid),
          EditorView.updateListener.of((update) => update.docChanged && latest.current.onChange(update.state.doc.toString())),
        ],
      }),
    });
    return () => {
      view.current.destroy();
      view.current = null;
    };
  }, [uid, plugin]);

  useEffect(() => {
    const current = view.current;
    if (current && current.state.doc.toString() !== value) {
      current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: value } });
    }
  }, [version]);
  const places = JSON.stringify(errors.map(({ position }) => position));
  useEffect(() => markFaults(view.current, errors), [places, uid, plugin]);
  useEffect(() => {
    if (target) goTo(view.current, target);
  }, [target]);

  return <div class="editor" ref={host} />;
}

// Typing over highlighted text: left to itself the browser keeps its colours by inline styles, which the
// page's policy refuses with an error in the console.
function replaceSelection(event, view) {
  if (event.inputType !== "insertText" || event.data === null || view.state.selection.main.empty || view.composing) return false;
  event.preventDefault();
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

function languageOf(plugin, uid) {
  // No linter: it takes $__rate_interval and its like for mistakes.
  if (plugin.queryLanguage === "promql") return new PromQLExtension().activateLinter(false).setComplete({ remote: new PrometheusMetadata(uid) }).asExtension();
  if (!/sql/.test(plugin.queryLanguage)) return [];
  const dialect = plugin.queryLanguage === "mysql" ? MySQL : PostgreSQL;
  const names = sqlNameCompletion(plugin.names ?? new SqlNames(uid), spelling(plugin.queryLanguage));
  const sources = [macroCompletion(plugin.macros ?? []), names, sqlKeywordCompletion(dialect)];
  return new LanguageSupport(dialect.language, sources.map((autocomplete) => dialect.language.data.of({ autocomplete })));
}

function macroCompletion(macros) {
  const options = macros.map(({ usage, expansion }) => ({ label: usage, info: expansion, type: "function", boost: 1 }));
  return (context) => {
    const typed = context.matchBefore(/\$\w*/);
    return typed && { from: typed.from, options, validFor: /^\$\w*$/ };
  };
}

function hint(plugin) {
  if (plugin.hint) return plugin.hint;
  if (plugin.queryLanguage === "promql") return "rate(http_requests_total[$__rate_interval])";
  if (/sql/.test(plugin.queryLanguage)) return "SELECT … — macros such as $__timeFilter(column) are expanded";
  return plugin.queryTextKey;
}
