import { useState } from "preact/hooks";
import { HERE } from "../api.js";

// The queries as text to paste elsewhere; each form takes the token from HEADWATER_TOKEN.
export function Share({ request, source, plugin, range }) {
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
  const forms = {
    Link: () => location.href,
    Python: () => python(request),
    CLI: () => request.queries.map((query) => cli(query, source, plugin, range)).join("\n"),
    curl: () => curl(request),
  };
  return (
    <span class="share" role="group" aria-label="Copy as">
      <span class="muted" aria-hidden="true">Copy as</span>
      {Object.entries(forms).map(([what, make]) => <button key={what} class="quiet" onClick={() => copy(what, make)}>{what}</button>)}
      <span role="status" class="said">{said}</span>
    </span>
  );
}

function own(query, plugin) {
  const { refId, datasource, maxDataPoints, ...keys } = query;
  const plain = Object.keys(keys).length === 1 && plugin.queryTextKey in keys;
  return { keys, plain };
}

// Needs nothing of this project: any Python with pyarrow reads the Parquet answer, every type kept.
function python(request) {
  const asked = request.queries.map(({ refId, ...query }) => {
    const body = { from: request.from, to: request.to, queries: [{ refId, ...query }] };
    return `${request.queries.length > 1 ? `table_${refId.toLowerCase()}` : "table"} = ask(${literal(body)})`;
  });
  return `import io, json, os, urllib.request
import pyarrow.parquet

def ask(body):
    request = urllib.request.Request(
        ${literal(`${HERE}/api/ds/query`)},
        data=json.dumps(body).encode(),
        headers={
            "Authorization": "Bearer " + os.environ["HEADWATER_TOKEN"],
            "Content-Type": "application/json",
            "Accept": "application/vnd.apache.parquet",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return pyarrow.parquet.ParquetFile(io.BytesIO(answer.read())).read()

${asked.join("\n")}
`;
}

// JSON's texts and numbers are Python's too.
function literal(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${literal(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}

const shell = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

function cli(query, source, plugin, range) {
  const { keys, plain } = own(query, plugin);
  const asked = plain ? keys[plugin.queryTextKey] : JSON.stringify(keys);
  return `headwater --host ${shell(HERE)} query ${shell(source.name)} ${shell(asked)} --from ${shell(range.from)} --to ${shell(range.to)}`;
}

function curl(request) {
  return [
    `curl -sS ${shell(`${HERE}/api/ds/query`)} -H "Authorization: Bearer $HEADWATER_TOKEN"`,
    `-H 'Content-Type: application/json' -d ${shell(JSON.stringify(request))}`,
  ].join(" ");
}
