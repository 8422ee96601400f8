// Variables: named values that queries use as `$name` or `${name}`, each
// {name, type, value, choices, multi, source, text}. What is of no use to its type is left out.

export const TYPES = { text: "Text", number: "Number", list: "List", interval: "Interval", query: "Values of a query" };
export const INTERVALS = ["auto", "10s", "1m", "5m", "15m", "1h", "6h", "1d"];

// A capital letter alone is a query's; names that begin with __ are macros'.
const NAME = /^(?![A-Z]$)[A-Za-z][A-Za-z0-9_]{0,39}$/;
const DURATION = /^\d{1,9}(ms|[smhdwy])$/;
const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/;

export const isNumber = (text) => NUMBER.test(text);
export const isName = (name) => NAME.test(name);
export const isInterval = (text) => text === "auto" || DURATION.test(text);
export const isChosen = ({ type }) => type === "list" || type === "interval" || type === "query";

// What a link or the history brings, as far as it is variables.
export function readVariables(found) {
  const known = (Array.isArray(found) ? found : []).filter((each) => isName(each?.name) && each.type in TYPES);
  const first = known.filter((each, index) => known.findIndex(({ name }) => name === each.name) === index);
  return first.map(({ choices, ...each }) => ({ ...each, ...(Array.isArray(choices) && { choices: choices.map(String) }) }));
}

// What `variable` stands for: {kind: text, integer, number or interval, value}, where several are chosen a list; or
// {failure}, or {isPending} while its values are being read. Of a list nothing chosen means the first; where several
// may be chosen, all.
export function valueOf(variable, { choices = variable.choices ?? [], isCut = false, failure = "", isPending = false } = {}) {
  const { type, value } = variable;
  if (isPending) return { isPending };
  if (failure) return { failure };
  if (type === "text") return { kind: "text", value: String(value ?? "") };
  if (type === "number") return Number.isFinite(value) ? typed([String(value)], false) : { failure: `$${variable.name} has no value yet.` };
  if (!choices.length) return { failure: `$${variable.name} has no values to choose from.` };
  const texts = choices.map(String);
  if (variable.multi) {
    if (isCut && !Array.isArray(value)) return { failure: `$${variable.name} has more than ${choices.length.toLocaleString("en")} values, so All would leave some out. Choose some, or have its query give fewer.` };
    const chosen = Array.isArray(value) ? texts.filter((each) => value.includes(each)) : texts;
    return typed(chosen, true, texts);
  }
  const chosen = texts.includes(value) ? value : texts[0];
  if (type !== "interval") return typed([chosen], false, texts);
  return isInterval(chosen) ? { kind: "interval", value: chosen } : { failure: `$${variable.name} is no interval such as 5m: ${chosen}` };
}

// Values are numbers if all that may be chosen are.
function typed(chosen, isList, all = chosen) {
  const kind = !all.every((each) => NUMBER.test(each)) ? "text" : all.some((each) => each.includes(".")) ? "number" : "integer";
  const values = kind === "text" ? chosen : chosen.map(Number);
  return { kind, value: isList ? values : values[0] };
}
