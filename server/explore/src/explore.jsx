import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { pluginSettings, queryChunks } from "./api.js";
import { Collector } from "./frames.js";
import { Editor } from "./query/editor.jsx";
import { History, remember } from "./query/history.jsx";
import { Options } from "./query/options.jsx";
import { SchemaBrowser } from "./query/schema_browser.jsx";
import { TimeRange } from "./query/time_range.jsx";
import { Results } from "./results/results.jsx";
import { Share } from "./results/share.jsx";
import { readState, writeState } from "./url.js";

const IDLE = { status: "idle", frames: [], rows: 0, ms: 0, error: "", truncated: false };

export function Explore({ sources, onManage }) {
  const initial = useMemo(readState, []);
  const [uid, setUid] = useState(initial.source ?? sources.find((each) => each.isDefault)?.uid ?? sources[0]?.uid ?? "");
  const [plugin, setPlugin] = useState(null);
  const [text, setText] = useState(initial.query ?? "");
  const [version, setVersion] = useState(0);
  const [extra, setExtra] = useState(parse(initial.options) ?? {});
  const [range, setRange] = useState({ from: initial.from ?? "now-1h", to: initial.to ?? "now" });
  const [answer, setAnswer] = useState(IDLE);
  const [failure, setFailure] = useState("");
  const running = useRef(null);
  const source = sources.find((each) => each.uid === uid);

  useEffect(() => {
    if (!source) return;
    let current = true;
    setPlugin(null);
    setFailure("");
    pluginSettings(source.type).then((found) => current && setPlugin(found), (error) => current && setFailure(error.message));
    return () => { current = false; };
  }, [source?.type]);
  useEffect(() => {
    writeState({ source: uid, query: text, from: range.from, to: range.to, options: Object.keys(extra).length ? JSON.stringify(extra) : "" });
  }, [uid, text, range, extra]);
  useEffect(() => () => running.current?.abort(), []);

  if (!sources.length) return <main class="message">There is no data source yet. <button onClick={onManage}>Add one</button></main>;

  const request = plugin && requestFor(source, plugin, text, extra, range);

  async function run() {
    running.current?.abort();
    const abort = (running.current = new AbortController());
    const collector = new Collector();
    const started = performance.now();
    const state = (status, error = "") => ({
      status, error, frames: [...collector.frames], rows: collector.rows, truncated: collector.truncated, ms: performance.now() - started,
    });
    setAnswer(state("running"));
    remember({ uid, source: source.name, text, extra, range });
    let drawn = 0;
    try {
      for await (const chunk of queryChunks(request, abort.signal)) {
        collector.add(chunk);
        if (performance.now() - drawn > 200) {
          setAnswer(state("running"));
          drawn = performance.now();
          await new Promise((resolve) => setTimeout(resolve));
        }
      }
      setAnswer(state("done"));
    } catch (error) {
      if (abort !== running.current) return;
      setAnswer(abort.signal.aborted ? state("cancelled") : state("failed", error.message));
    } finally {
      if (abort === running.current) running.current = null;
    }
  }

  function write(next) {
    setText(next);
    setVersion((count) => count + 1);
  }

  function recall(entry) {
    setUid(entry.uid);
    write(entry.text);
    setExtra(entry.extra);
    setRange(entry.range);
  }

  return (
    <main class="explore">
      <aside>
        <label>
          Data source
          <select value={uid} onChange={(event) => setUid(event.target.value)}>
            {sources.map((each) => <option value={each.uid}>{each.name} ({each.typeName ?? each.type})</option>)}
          </select>
        </label>
        {plugin && <SchemaBrowser key={uid} uid={uid} onPick={(name) => write(insert(text, name))} />}
        <History onRecall={recall} sources={sources} />
      </aside>
      <section>
        {failure && <p class="error" role="alert">{failure}</p>}
        {plugin && (
          <>
            <Editor key={uid} uid={uid} plugin={plugin} value={text} version={version} onChange={setText} onRun={run} />
            <Options plugin={plugin} value={extra} onChange={setExtra} onText={write} />
          </>
        )}
        <div class="toolbar">
          <TimeRange value={range} onChange={setRange} />
          {answer.status === "running"
            ? <button class="cancel" onClick={() => running.current?.abort()}>Cancel</button>
            : <button class="primary" disabled={!request} onClick={run} title="Ctrl+Enter">Run</button>}
          {request && <Share request={request} source={source} plugin={plugin} text={text} range={range} />}
        </div>
        <Results answer={answer} request={request} />
      </section>
    </main>
  );
}

function requestFor(source, plugin, text, extra, range) {
  const query = { refId: "A", datasource: { uid: source.uid, type: source.type }, maxDataPoints: 1000, ...extra };
  if (plugin.queryTextKey) query[plugin.queryTextKey] = text;
  return { from: range.from, to: range.to, queries: [query] };
}

function insert(text, name) {
  return text && !/\s$/.test(text) ? `${text} ${name}` : text + name;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
