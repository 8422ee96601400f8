// What SQL text is about where the cursor is: enough to know which names fit there, of any dialect.

const TOKEN = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*|#[^\n]*|/\*[^]*?(?:\*/|$))`,
    String.raw`(?<string>'(?:[^'\\]|\\[^]|'')*(?:'|$))`,
    String.raw`(?<name>[\p{L}_$][\p{L}\p{N}_$]*|"(?:[^"]|"")*(?:"|$)|\x60(?:[^\x60]|\x60\x60)*(?:\x60|$))`,
    String.raw`(?<number>\d[\w.]*)`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<sign>[^])`,
  ].join("|"),
  "gu",
);
const LONGEST = 100_000;
const BEFORE_TABLES = new Set(["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "DESCRIBE"]);
const BEFORE_COLUMNS = new Set(["SELECT", "WHERE", "PREWHERE", "ON", "USING", "BY", "HAVING", "SET", "QUALIFY"]);
const ENDS = new Set(["LIMIT", "OFFSET", "FORMAT", "SETTINGS", "VALUES", "WITH"]);
const NO_ALIAS = new Set([
  ...BEFORE_TABLES, ...BEFORE_COLUMNS, ...ENDS, ..."AS FINAL LEFT RIGHT INNER CROSS FULL OUTER NATURAL GROUP ORDER UNION EXCEPT INTERSECT SAMPLE ARRAY GLOBAL ANY ALL ASOF SEMI ANTI WINDOW FOR USE FORCE IGNORE PARTITION STRAIGHT_JOIN".split(" "),
]);

// {kind: "table", "column", "alias" or "", typed, from, qualifiers, tables: [{database, name, alias}],
// named, results}, or null in
// a comment, a string or an endless text. `typed` is the word before the cursor, `qualifiers` are the names and dots before it,
// `named` the statement's own tables (WITH), `results` what it calls by AS.
export function placeAt(text, position) {
  if (text.length > LONGEST) return null;
  let all = tokens(text);
  let inside = tokenAt(all, position);
  if (/^["`]/.test(inside?.text ?? "") && /\s/.test(text.slice(position, inside.to))) {
    // A quote that is still to be closed swallows nothing of what follows.
    all = [...tokens(text.slice(0, position)), ...tokens(text.slice(position), position)];
    inside = tokenAt(all, position);
  }
  if (inside && (inside.kind === "comment" || inside.kind === "string") && (position < inside.to || isOpen(inside))) return null;
  const statement = statementAt(all, position).filter(({ kind }) => kind !== "space" && kind !== "comment");
  const word = inside?.kind === "name" ? inside : null;
  const from = word?.from ?? position;
  const before = statement.filter((token) => token.to <= from);
  const qualifiers = [];
  while (before.at(-1)?.text === "." && before.at(-2)?.kind === "name") {
    before.pop();
    qualifiers.unshift(bare(before.pop().text));
  }
  return { kind: kindAfter(before), typed: text.slice(from, position), from, qualifiers, tables: tablesOf(statement), ...namesOf(statement) };
}

// Writes a name as a language has to have it: quoted where it is no plain word, or one that would be read in lower case.
export function spelling(language) {
  const quote = language === "mysql" ? "`" : '"';
  const isPlain = (name) => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) && !NO_ALIAS.has(name.toUpperCase());
  const isFolded = (name) => language === "postgresql" && name !== name.toLowerCase();
  return (name) => (isPlain(name) && !isFolded(name) ? name : quoted(name, quote));
}

export function quoted(name, quote) {
  return quote + name.replaceAll(quote, quote + quote) + quote;
}

function tokens(text, offset = 0) {
  return Array.from(text.matchAll(TOKEN), ({ 0: found, groups, index }) => {
    const kind = Object.keys(groups).find((each) => groups[each] !== undefined);
    return { kind, text: found, from: index + offset, to: index + offset + found.length };
  });
}

function tokenAt(all, position) {
  return all.find((token) => token.from < position && position <= token.to);
}

function isOpen({ kind, text }) {
  if (kind === "string") return text.length < 2 || !text.endsWith("'");
  return !text.startsWith("/*");
}

function statementAt(all, position) {
  const ends = all.filter(({ text }) => text === ";").map(({ to }) => to);
  const start = ends.filter((end) => end <= position).at(-1) ?? 0;
  const end = ends.find((each) => each > position) ?? Infinity;
  return all.filter((token) => token.from >= start && token.to <= end);
}

function kindAfter(before) {
  const last = before.at(-1);
  if (upper(last) === "AS") return "alias";
  const outer = [];
  let clause = "";
  for (const token of before) {
    if (token.text === "(") outer.push(clause);
    else if (token.text === ")") clause = outer.pop() ?? "";
    else if (BEFORE_TABLES.has(upper(token)) || BEFORE_COLUMNS.has(upper(token)) || ENDS.has(upper(token))) clause = upper(token);
  }
  if (BEFORE_COLUMNS.has(clause)) return "column";
  return BEFORE_TABLES.has(clause) && (upper(last) === clause || last.text === ",") ? "table" : "";
}

function tablesOf(statement) {
  const found = [];
  for (let at = 0; at < statement.length; at++) {
    if (!BEFORE_TABLES.has(upper(statement[at]))) continue;
    do {
      at = readTable(statement, at + 1, found);
    } while (statement[at]?.text === ",");
    at -= 1;
  }
  return found;
}

// `name AS (SELECT …)` names a table, `… AS name` a column of a result.
function namesOf(statement) {
  const [named, results] = [[], []];
  statement.forEach((token, at) => {
    if (upper(token) !== "AS") return;
    const [before, after] = [statement[at - 1], statement[at + 1]];
    if (after?.text === "(" && before?.kind === "name") named.push(bare(before.text));
    else if (after?.kind === "name") results.push(bare(after.text));
  });
  return { named, results };
}

// Reads `database.name AS alias`; returns where it goes on. What is in parentheses is read when its turn comes.
function readTable(statement, at, found) {
  const path = [];
  while (statement[at]?.kind === "name" && !NO_ALIAS.has(upper(statement[at]))) {
    path.push(bare(statement[at].text));
    if (statement[at + 1]?.text !== ".") break;
    at += 2;
  }
  if (!path.length || statement[at + 1]?.text === "(") return at;
  at += 1;
  while (["FINAL", "AS"].includes(upper(statement[at]))) at += 1;
  const alias = statement[at]?.kind === "name" && !NO_ALIAS.has(upper(statement[at])) ? bare(statement[at++].text) : "";
  found.push({ database: path.at(-2) ?? "", name: path.at(-1), alias });
  return at;
}

function upper(token) {
  return token?.kind === "name" ? token.text.toUpperCase() : "";
}

function bare(text) {
  const [quote] = text;
  return quote === '"' || quote === "`" ? text.slice(1).replace(new RegExp(`${quote}$`), "").replaceAll(quote + quote, quote) : text;
}
