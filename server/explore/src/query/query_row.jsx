import { useState } from "preact/hooks";
import { Failures } from "../results/failures.jsx";
import { SourceSelect } from "../sources/source_select.jsx";
import { Editor } from "./editor.jsx";
import { canFormat, formatted } from "./format.js";
import { Hide } from "./hide.jsx";
import { Macros } from "./macros.jsx";
import { Options } from "./options.jsx";

// One query: its data source, its text, its options, examples and help; and why it failed. `plugin` is undefined
// until the host has told of it.
export function QueryRow({ query, sources, plugin, version, single, errors, requestId, onText, onExtra, onWrite, onSource, onRemove, onFocus, onRun }) {
  function use(title) {
    const example = plugin.examples.find((each) => each.title === title);
    if (!example) return;
    const { [plugin.queryTextKey]: text = "", ...extra } = example.query;
    onWrite({ text, extra });
  }
  const [target, setTarget] = useState(null);
  const [unformatted, setUnformatted] = useState("");
  async function format() {
    const { text } = query;
    if (!text.trim() || !canFormat(plugin)) return;
    try {
      const better = await formatted(text, plugin, query.source);
      setUnformatted("");
      if (better !== text) onWrite({ text: better });
    } catch (error) {
      setUnformatted(error.message);
    }
  }
  const insert = (name) => onWrite({ text: query.text && !/[\s(]$/.test(query.text) ? `${query.text} ${name}` : query.text + name });
  const isKnown = sources.some((each) => each.uid === query.source);
  return (
    <div class={single ? "query" : "query several"} role="group" aria-label={`Query ${query.refId}`} onFocusIn={onFocus}>
      <div class="query-head">
        <strong class="ref" title="Ref id">{query.refId}</strong>
        {!single && <SourceSelect sources={sources} value={query.source} label={`Data source of query ${query.refId}`} onChange={onSource} />}
        {plugin?.examples.length > 0 && (
          <select aria-label={`Examples for query ${query.refId}`} value="" onChange={(event) => (use(event.target.value), (event.target.value = ""))}>
            <option value="">Examples…</option>
            {plugin.examples.map((example) => <option key={example.title} value={example.title} title={example.description}>{example.title}</option>)}
          </select>
        )}
        <span class="hint">{single && "Ctrl+Enter runs, Esc cancels"}{single && plugin?.macros?.length && plugin.queryLanguage !== "promql" ? "; type $__ for macros" : ""}</span>
        {plugin && canFormat(plugin) && <button class="quiet" onClick={format} title="Puts the query in order (Alt+Shift+F)">Format query</button>}
        {!single && <Hide query={query} onExtra={onExtra} />}
        {!single && <button class="quiet" onClick={onRemove} aria-label={`Remove query ${query.refId}`}>Remove</button>}
      </div>
      {!isKnown && <p class="error" role="alert">You can query no data source {query.source}. Choose another.</p>}
      {plugin && (
        <>
          <Editor uid={query.source} plugin={plugin} label={single ? "Query" : `Query ${query.refId}`} value={query.text} version={version} errors={errors} target={target} onChange={(text) => (setUnformatted(""), onText(text))} onRun={onRun} onFormat={format} />
          {unformatted && <p class="hint" role="status">{unformatted}</p>}
          <Options plugin={plugin} value={query.extra} onChange={onExtra} />
          {plugin.macros?.length > 0 && <Macros macros={plugin.macros} onPick={insert} />}
        </>
      )}
      <Failures errors={errors} requestId={requestId} onGo={(position) => setTarget({ ...position })} />
    </div>
  );
}
