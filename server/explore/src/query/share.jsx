import { useState } from "preact/hooks";
import { HERE } from "../api.js";
import { EXPRESSIONS } from "./queries.js";
import { python } from "./python.js";

// The queries as text to paste elsewhere; each form takes the token from HEADWATER_TOKEN. Without a request, as
// while something in it is not known yet, there is the link alone.
export function Share({ request, sourceOf, plugins }) {
  const [said, setSaid] = useState("");
  async function copy(what, make) {
    try {
      await navigator.clipboard.writeText(make());
      setSaid(`${what} copied`);
    } catch {
      setSaid("The browser did not allow copying");
    }
    setTimeout(() => setSaid(""), 2000);
  }
  const asked = request?.queries.map((query) => ownKeys(query, sourceOf, plugins));
  const forms = {
    Link: () => location.href,
    Python: () => python(HERE, request, asked),
    CLI: () => asked.map((query) => cli(query, request)).join("\n"),
    curl: () => curl(request),
  };
  return (
    <span class="share" role="group" aria-label="Copy as">
      <span class="muted" aria-hidden="true">Copy as</span>
      {Object.entries(forms).map(([what, make]) => <button key={what} class="quiet" disabled={!request && what !== "Link"} onClick={() => copy(what, make)}>{what}</button>)}
      <span role="status" class="said">{said}</span>
    </span>
  );
}

// What a query asks of its data source, and its text where that is all.
function ownKeys({ refId, datasource, maxDataPoints, hide, ...keys }, sourceOf, plugins) {
  const isExpression = datasource.uid === EXPRESSIONS.uid;
  const plugin = plugins[datasource.type];
  const isText = Object.keys(keys).length === 1 && plugin?.queryTextKey in keys;
  return { refId, keys, isExpression, text: isText ? keys[plugin.queryTextKey] : null, source: sourceOf(datasource.uid)?.name, language: plugin?.queryLanguage ?? "" };
}

const shell = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

function cli({ refId, keys, text, source, isExpression }, { from, to }) {
  if (isExpression) return `# ${refId} computes with the others: the command line asks one data source at a time; see headwater sql`;
  const asked = [source, text ?? JSON.stringify(keys)];
  const range = `--from ${shell(from)} --to ${shell(to)}`;
  const command = `headwater --host ${shell(HERE)} query`;
  // A text that begins with a comment, -- why, is no option.
  if (asked.some((each) => each.startsWith("-"))) return `${command} ${range} -- ${asked.map(shell).join(" ")}`;
  return `${command} ${asked.map(shell).join(" ")} ${range}`;
}

function curl(request) {
  return [
    `curl -sS ${shell(`${HERE}/api/ds/query`)} -H "Authorization: Bearer $HEADWATER_TOKEN"`,
    `-H 'Content-Type: application/json' -d ${shell(JSON.stringify(request))}`,
  ].join(" ");
}
