import { useState } from "preact/hooks";

export function Share({ request, source, plugin, text, range }) {
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
  const forms = { Link: () => location.href, Python: () => python(request, source, plugin, range), CLI: () => cli(request, source, plugin, text, range), curl: () => curl(request) };
  return (
    <span class="share">
      Copy as
      {Object.entries(forms).map(([what, make]) => <button onClick={() => copy(what, make)}>{what}</button>)}
      <span role="status">{said}</span>
    </span>
  );
}

function own(request) {
  const { refId, datasource, maxDataPoints, ...query } = request.queries[0];
  return query;
}

function python(request, source, plugin, range) {
  const literal = (value) => JSON.stringify(value).replace(/\btrue\b/g, "True").replace(/\bfalse\b/g, "False").replace(/\bnull\b/g, "None");
  const query = own(request);
  const [only] = Object.keys(query);
  const asked = Object.keys(query).length === 1 && only === plugin.queryTextKey ? JSON.stringify(query[only]) : literal(query);
  return `table = headwater.query(${JSON.stringify(source.name)}, ${asked}, from_=${JSON.stringify(range.from)}, to=${JSON.stringify(range.to)}).table`;
}

const shell = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

function cli(request, source, plugin, text, range) {
  const query = own(request);
  const asked = Object.keys(query).length === 1 && plugin.queryTextKey ? text : JSON.stringify(query);
  return `headwater query ${shell(source.name)} ${shell(asked)} --from ${shell(range.from)} --to ${shell(range.to)}`;
}

function curl(request) {
  return [
    `curl -sS ${shell(`${location.origin}/api/ds/query`)} -H "Authorization: Bearer $HEADWATER_TOKEN"`,
    `-H 'Content-Type: application/json' -d ${shell(JSON.stringify(request))}`,
  ].join(" ");
}
