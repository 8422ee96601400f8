// A query of the page as a named query: its variables become parameters.
import { Unbound, bound } from "../variables/bind.js";
import { isNumber } from "../variables/values.js";

export const PARAMETER_TYPES = ["text", "integer", "number", "boolean", "time", "duration", "choice"];
export const BOUNDED = new Set(["integer", "number", "time", "duration"]);
const MOST_CHOICES = 100;

// {query, parameters}: `query` without what a request says around it, and drafts of its parameters. Throws Unbound.
export function asNamed(asked, plugin, variables, values) {
  const { query, used, isPending } = bound(asked, plugin, values, (name) => ({ $param: name }));
  if (isPending) throw new Unbound("The values of a variable are still being read.");
  const { refId, datasource, maxDataPoints, hide, params, ...kept } = query;
  const given = params && !Array.isArray(params) ? params : {};
  const constant = Object.keys(given).filter((name) => !used.includes(name));
  return {
    query: params && Array.isArray(params) ? { ...kept, params } : kept,
    parameters: [
      ...used.map((name) => draftOf(variables.find((each) => each.name === name), values[name])),
      ...constant.map((name) => ({ name, ...typeOf(given[name]) })),
    ],
  };
}

// What a form holds of a parameter is text, lists have an item a line.
function draftOf({ name, type, multi }, { kind, value, choices }) {
  const list = multi ? { list: true } : {};
  const isChoice = (type === "list" || type === "query") && choices.length <= MOST_CHOICES;
  return { name, type: isChoice ? "choice" : kind, default: [value].flat().join("\n"), ...(isChoice && { choices: choices.join("\n") }), ...list };
}

function typeOf(value) {
  const [first] = [value].flat();
  const type = typeof first === "boolean" ? "boolean" : typeof first !== "number" ? "text" : Number.isInteger(first) ? "integer" : "number";
  return { type, default: [value].flat().join("\n"), ...(Array.isArray(value) && { list: true }) };
}

// The query in which each parameter that takes the place of an option does so.
export function withPlaces(query, parameters) {
  const placed = parameters.filter(({ place }) => place).map(({ name, place }) => [place, { $param: name }]);
  return { ...query, ...Object.fromEntries(placed) };
}

// A draft as the host takes it: what is no number stays text, and the host says where that is wrong.
export function parameterOf({ name, title = "", type, list, choices = "", choicesFrom = "", minimum = "", maximum = "", ...draft }) {
  const read = { integer: numeric, number: numeric, boolean: (text) => text === "true" }[type] ?? ((text) => text);
  const items = lines(choices);
  const areNumbers = items.every((item) => typeof numeric(item) === "number");
  const given = type === "choice" && areNumbers ? numeric : read;
  return {
    name, type,
    ...(title && { title }),
    ...(draft.default && { default: list ? lines(draft.default).map(given) : given(draft.default) }),
    ...(list && { list: true }),
    ...(BOUNDED.has(type) && minimum !== "" && { minimum: read(minimum) }),
    ...(BOUNDED.has(type) && maximum !== "" && { maximum: read(maximum) }),
    ...(type === "choice" && (choicesFrom ? { choicesFrom } : { choices: areNumbers ? items.map(numeric) : items })),
  };
}

const numeric = (text) => (isNumber(text) ? Number(text) : text);
const lines = (text) => text.split("\n").filter((line) => line !== "");
