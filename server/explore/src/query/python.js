// Queries as a script that asks this host through `headwater.connect`.

// `asked` are the queries of `request`, as {refId, keys, text, source, language, isExpression}.
export function python(host, request, asked) {
  const computes = asked.some(({ isExpression }) => isExpression);
  const calls = computes ? together(request) : asked.map((query) => call(query, request, asked.length > 1)).join("\n");
  return `# pip install "headwater[http]"
import os

import headwater

with headwater.connect(${literal(host)}, token=os.environ["HEADWATER_TOKEN"]${plain(host) ? ", allow_http=True" : ""}) as host:
${indented(calls)}
`;
}

// Series come as frames of their own, of which there may be any number.
function call({ refId, keys, text, source, language }, { from, to }, isNumbered) {
  const isTable = /sql/.test(language) && keys.format !== "multi";
  const name = `${isTable ? "frame" : "frames"}${isNumbered ? `_${refId.toLowerCase()}` : ""}`;
  const options = [`from_=${literal(from)}`, `to=${literal(to)}`, ...(/sql/.test(language) ? [] : ["max_data_points=1000"])];
  return `${name} = host.${isTable ? "query" : "query_frames"}(
    ${literal(source)},
    ${literal(text ?? keys)},
    ${options.join(", ")},
)`;
}

// Expressions compute in the host, with the answers to the other queries of their request.
function together(request) {
  return `answer = host.query_data(${literal(request, "")})
frames = {}
for ref_id, response in answer.responses.items():
    if response.error:
        raise response.error
    frames[ref_id] = response.frames`;
}

// Whether the token would go to another machine in clear, which has to be said.
function plain(host) {
  const { protocol, hostname } = new URL(host);
  return protocol === "http:" && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}

function indented(text) {
  return text.split("\n").map((line) => (line ? `    ${line}` : line)).join("\n");
}

// As Python's text; JSON's texts and numbers are Python's too. With `indent` objects are spread over lines.
function literal(value, indent = null) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const isList = Array.isArray(value);
  const deeper = indent === null ? null : `${indent}    `;
  const items = isList ? value.map((each) => literal(each, deeper)) : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${literal(each, deeper)}`);
  const [open, close] = isList ? "[]" : "{}";
  if (indent === null || !items.length) return open + items.join(", ") + close;
  return `${open}\n${items.map((item) => `${deeper}${item},\n`).join("")}${indent}${close}`;
}
