import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { ApiError, listSources, useToken } from "./api.js";
import { Explore } from "./explore.jsx";
import { Login } from "./login.jsx";
import { DataSources } from "./sources/data_sources.jsx";
import { Theme } from "./theme.jsx";
import { readState, takeToken, writeState } from "./url.js";

useToken(takeToken());

function App() {
  const [sources, setSources] = useState(null);
  const [needsLogin, setNeedsLogin] = useState(false);
  const [failure, setFailure] = useState("");
  const [tried, setTried] = useState(false);
  const [page, setPage] = useState(readState().page ?? "explore");

  async function load() {
    try {
      setSources(await listSources());
      setNeedsLogin(false);
      setFailure("");
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) setNeedsLogin(true);
      else setFailure(error.message);
    }
  }
  useEffect(() => void load(), []);

  function go(next) {
    setPage(next);
    writeState({ page: next });
  }

  if (needsLogin) return <Login failed={tried} onToken={(token) => (setTried(true), useToken(token), load())} />;
  if (failure) return <main class="message"><p class="error" role="alert">{failure}</p> <button onClick={load}>Try again</button></main>;
  if (!sources) return <main class="message">Loading…</main>;
  return (
    <>
      <header>
        <strong>Headwater</strong>
        <nav aria-label="Pages">
          <button aria-current={page === "explore" ? "page" : undefined} onClick={() => go("explore")}>Explore</button>
          <button aria-current={page === "sources" ? "page" : undefined} onClick={() => go("sources")}>Data sources</button>
        </nav>
        <Theme />
      </header>
      {page === "sources"
        ? <DataSources sources={sources} reload={load} />
        : <Explore sources={sources} onManage={() => go("sources")} />}
    </>
  );
}

render(<App />, document.getElementById("app"));
