import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { endSession, hasToken, readSession, useToken } from "./api.js";
import { Explore } from "./explore.jsx";
import { takeGrafanaLink } from "./grafana_link.js";
import { Guard } from "./guard.jsx";
import { Help } from "./help.jsx";
import { lazy } from "./lazy.jsx";
import { Login } from "./login.jsx";
import { NamedQueries } from "./named/named_queries.jsx";
import { returnToPlace } from "./place.js";
import { Theme } from "./theme.jsx";
import { pushPage, readState, takeToken } from "./url.js";

const DataSources = lazy(async () => (await import("./sources/data_sources.jsx")).DataSources);

const UNKNOWN = "The host does not know this token, or it has expired.";
const FORBIDDEN = "The host knows this token, but it may query no data source. Ask for one with the role viewer, or with datasources:query.";
const WITHOUT_ROLE = "You are signed in, but may query no data source. Ask for a group with the role viewer, or with datasources:query.";

function signInByLink() {
  const token = takeToken();
  if (token) useToken(token);
  return token !== "";
}
returnToPlace();
signInByLink();

function App() {
  const [session, setSession] = useState(null);
  // Null while nobody has to sign in, else why: an empty text for the first time.
  const [refusal, setRefusal] = useState(null);
  const [failure, setFailure] = useState("");
  const [page, setPage] = useState(readState().page ?? "explore");

  async function load() {
    try {
      const found = await readSession();
      await takeGrafanaLink(found.sources);
      const { query, read, run } = found.may;
      if (query || read || run) setSession(found);
      setRefusal(query || read || run ? null : hasToken() ? FORBIDDEN : WITHOUT_ROLE);
      setFailure("");
    } catch (error) {
      if (error.status === 403) setRefusal(`The host knows this token, but refuses it: ${error.message}`);
      else if (!error.isSignedOut) setFailure(error.message);
    }
  }
  useEffect(() => void load(), []);
  useEffect(() => {
    const signOut = () => setRefusal(hasToken() ? UNKNOWN : "");
    const follow = () => {
      setPage(readState().page ?? "explore");
      if (signInByLink()) load();
    };
    addEventListener("signedout", signOut);
    addEventListener("popstate", follow);
    return () => {
      removeEventListener("signedout", signOut);
      removeEventListener("popstate", follow);
    };
  }, []);

  function signIn(token) {
    useToken(token);
    load();
  }
  function go(next, more = {}) {
    if (next === page) return;
    setPage(next);
    pushPage({ page: next === "explore" ? "" : next, edit: "", ...more });
  }

  if (refusal !== null) return <Login refusal={refusal} onToken={signIn} onCancel={session && !hasToken() ? () => setRefusal(null) : null} />;
  if (failure) return <main class="message"><p class="error" role="alert">{failure}</p> <button onClick={load}>Try again</button></main>;
  if (!session) return <main class="message">Loading…</main>;
  const { sources, may, user } = session;
  const explores = may.query || may.read;
  const shown = (page === "sources" && may.read) || (page === "queries" && may.run) ? page : explores ? "explore" : "queries";
  const signOut = async () => {
    if (!hasToken()) await endSession().catch((error) => setFailure(error.message));
    useToken("");
    setSession(null);
    load();
  };
  return (
    <>
      <header>
        <strong>Headwater</strong>
        <nav aria-label="Pages">
          {explores && <button aria-current={shown === "explore" ? "page" : undefined} onClick={() => go("explore")}>Explore</button>}
          {may.run && <button aria-current={shown === "queries" ? "page" : undefined} onClick={() => go("queries")}>Named queries</button>}
          {may.read && <button aria-current={shown === "sources" ? "page" : undefined} onClick={() => go("sources")}>Data sources</button>}
        </nav>
        <span class="muted">{user.login}</span>
        {hasToken() || user.isSignedIn ? <button class="quiet" onClick={signOut}>Sign out</button> : <button class="quiet" onClick={() => setRefusal("")}>Sign in</button>}
        <Help />
        <Theme />
      </header>
      {shown === "sources" && <DataSources may={may} reload={load} />}
      {shown === "queries" && <NamedQueries />}
      <Explore hidden={shown !== "explore"} sources={sources} onManage={may.write ? () => go("sources") : null} onNamed={(named) => go("queries", { named, values: "" })} maySave={may.save} />
    </>
  );
}

const startAnew = () => {
  history.replaceState(null, "", "#");
  location.reload();
};

render(<Guard what="This page" more={<button onClick={startAnew}>Start anew</button>}><App /></Guard>, document.getElementById("app"));
