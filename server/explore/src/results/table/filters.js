// Filters of columns, as typed.
import { shown } from "../../values.js";

const COMPARED = /^(>=|<=|>|<|=|!=)\s*(.+)$/s;
const QUOTED = /^"(.*)"$/s;  // as it is, with spaces around
const COMPARE = { ">": (order) => order > 0, ">=": (order) => order >= 0, "<": (order) => order < 0, "<=": (order) => order <= 0, "=": (order) => order === 0, "!=": (order) => order !== 0 };

export const FILTER_HELP = "Text that is contained, or >, >=, <, <=, =, != and a value, or null, !null.";

// The rows that pass all filters, {column: text}; null if there are none to pass.
export function filteredRows(fields, filters, length, zone) {
  const tests = Object.entries(filters).filter(([column, text]) => text && fields[column]).map(([column, text]) => passesOf(fields[column], text, zone));
  if (!tests.length) return null;
  const rows = [];
  for (let row = 0; row < length; row++) if (tests.every((passes) => passes(row))) rows.push(row);
  return rows;
}

// What keeps exactly the rows with this value.
export const equalTo = (text) => (text === null ? "null" : `= ${text !== text.trim() || text === "" || QUOTED.test(text) ? `"${text}"` : text}`);

function passesOf(field, text, zone) {
  const isMissing = (row) => field.values[row] === null || field.values[row] === undefined;
  if (text === "null") return isMissing;
  if (text === "!null") return (row) => !isMissing(row);
  const [, operator, operand] = COMPARED.exec(text) ?? [];
  const textOf = (row) => shown(field, row, zone);
  if (!operator) {
    const wanted = text.toLowerCase();
    return (row) => !isMissing(row) && textOf(row).toLowerCase().includes(wanted);
  }
  const passes = COMPARE[operator];
  const value = operand.trim().replace(QUOTED, "$1");
  const number = field.type === "number" && value !== "" ? Number(value) : NaN;
  // A BigInt compares exactly with a number's text.
  const bound = Number.isSafeInteger(number) || !/^-?\d+$/.test(value) ? number : BigInt(value);
  if (!Number.isNaN(number)) return (row) => !isMissing(row) && passes(field.values[row] < bound ? -1 : field.values[row] > bound ? 1 : 0);
  return (row) => {
    if (isMissing(row)) return false;
    const own = textOf(row);
    return passes(own < value ? -1 : own > value ? 1 : 0);
  };
}
