import { useEffect, useRef, useState } from "preact/hooks";
import { queryLines } from "./api.js";
import { Collector } from "./frames.js";

const REDRAW_MS = 200;
const IDLE = { status: "idle", request: null, frames: [], errors: [], rows: 0, bytes: 0, progress: null, started: 0, ms: 0, requestId: "", truncated: false };

// The state of the newest run: what has arrived so far, redrawn a few times a second.
export function useRun() {
  const [answer, setAnswer] = useState(IDLE);
  const running = useRef(null);
  useEffect(() => () => running.current?.abort(), []);

  async function run(request) {
    running.current?.abort();
    const abort = (running.current = new AbortController());
    const collector = new Collector(request.queries?.length ?? 1);
    const started = performance.now();
    let bytes = 0;
    let requestId = "";
    const state = (status, errors = collector.errors) => {
      const { frames, rows, progress, truncated } = collector;
      return { status, request, frames: [...frames], errors, rows, bytes, progress, truncated, requestId, started, ms: performance.now() - started };
    };
    setAnswer(state("running"));
    let drawn = started;
    try {
      for await (const received of queryLines(request, abort.signal)) {
        ({ bytes, requestId } = received);
        received.lines.forEach((line) => collector.add(line));
        if (collector.isFull) break;
        if (performance.now() - drawn > REDRAW_MS) {
          setAnswer(state("running"));
          drawn = performance.now();
          await new Promise((resolve) => setTimeout(resolve));
        }
      }
      if (abort === running.current) setAnswer(state(collector.errors.length ? "failed" : collector.isFull ? "stopped" : "done"));
    } catch (error) {
      if (abort !== running.current) return;
      requestId ||= error.requestId ?? "";
      if (abort.signal.aborted) setAnswer(state("cancelled"));
      else setAnswer(state("failed", [...collector.errors, { refId: "", message: error.message, source: error.source, status: error.status, place: error.place }]));
    } finally {
      if (abort === running.current) running.current = null;
    }
  }

  // Ends a run, and forgets what it brought.
  function reset() {
    const ended = running.current;
    running.current = null;
    ended?.abort();
    setAnswer(IDLE);
  }

  return { answer, run, reset, cancel: () => running.current?.abort() };
}
