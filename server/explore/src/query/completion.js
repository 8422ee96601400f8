// Names for completion, out of the data source's resources.
import { keywordCompletionSource } from "@codemirror/lang-sql";
import { resource } from "../api.js";
import { placeAt, quoted } from "./sql_place.js";

// Tables and columns, each asked for once and when it is needed.
export class SqlNames {
  #uid;
  #asked = new Map();

  constructor(uid) {
    this.#uid = uid;
  }

  tables(database = "") {
    return this.#ask("tables", database ? { database } : {});
  }

  // The columns of a table that exists: of names that are still being typed nobody is asked.
  async columns({ name, database }) {
    const tables = await this.tables(database);
    const table = find(database ? tables : tables.filter((each) => !each.needsSchema), name);
    return table ? this.#ask("columns", { table: table.name, database: database || placeOf(table) }) : [];
  }

  #ask(path, params) {
    const key = `${path}?${new URLSearchParams(params)}`;
    if (!this.#asked.has(key)) {
      const answer = resource(this.#uid, path, params).then(records);
      this.#asked.set(key, answer.catch(() => (this.#asked.delete(key), [])));
    }
    return this.#asked.get(key);
  }
}

// Completes tables where a table is due, columns of the statement's tables where a column is, both before any
// keyword. `spell` writes a name as the dialect has to have it.
export function sqlNameCompletion(names, spell) {
  return async (context) => {
    const place = placeAt(context.state.doc.toString(), context.pos);
    if (!place || !["table", "column"].includes(place.kind)) return null;
    if (!place.typed && !place.qualifiers.length && !context.explicit) return null;
    const options = place.kind === "table" ? await tableOptions(names, place) : await columnOptions(names, place);
    const [open] = place.typed;
    const isQuoted = open === '"' || open === "`";
    const as = (path) =>
      isQuoted
        ? { label: path.map((each) => quoted(each, open)).join(".") }
        : { label: path.join("."), apply: path.map(spell).join(".") };
    return {
      from: place.from,
      options: options.map(({ name, path = [name], ...option }) => ({ ...option, ...as(path) })),
      validFor: isQuoted ? undefined : /^[\p{L}\p{N}_$]*$/u,
    };
  };
}

export function sqlKeywordCompletion(dialect) {
  const complete = keywordCompletionSource(dialect, true);
  return (context) => (placeAt(context.state.doc.toString(), context.pos)?.kind === "alias" ? null : complete(context));
}

async function tableOptions(names, { qualifiers, named }) {
  const tables = await names.tables(qualifiers[0]);
  const own = qualifiers.length ? [] : named.map((name) => ({ name, type: "class", boost: 95 }));
  const path = (table) => (qualifiers.length ? [table.name] : pathOf(table));
  return [...own, ...tables.map((table) => ({ path: path(table), detail: table.kind ?? "", type: "class", boost: 90 }))];
}

async function columnOptions(names, { qualifiers, tables, named, results }) {
  const [qualifier] = qualifiers.slice(-1);
  if (!qualifier) {
    const own = await Promise.all(tables.map((table) => columnsOf(names, table, tables.length > 1)));
    const called = tables.map(({ name, alias }) => ({ name: alias || name, type: "class", boost: 80 }));
    const made = results.map((name) => ({ name, type: "variable", boost: 70 }));
    return distinct([...own.flat(), ...called, ...made]);
  }
  const exact = qualifiers.length > 1 ? { database: qualifiers.at(-2), name: qualifier } : null;
  const meant = tables.find(({ name, alias }) => same(alias || name, qualifier));
  const columns = await columnsOf(names, exact ?? meant ?? { name: qualifier });
  if (columns.length || exact) return columns;
  // Of a subquery or a common table expression is known what the statement calls its columns.
  if (!meant && ![...named, ...results].some((each) => same(each, qualifier))) return tableOptions(names, { qualifiers });
  return results.filter((each) => !same(each, qualifier)).map((name) => ({ name, type: "variable", boost: 90 }));
}

async function columnsOf(names, table, several = false) {
  const columns = await names.columns(table);
  return columns.map(({ name, type = "" }) => ({ name, detail: several ? `${type} ${table.alias || table.name}` : type, type: "property", boost: 90 }));
}

// The database or schema that a table is in, as resources are told it.
export const placeOf = ({ database, schema }) => database ?? schema ?? "";

// The names by which a statement finds a table.
export const pathOf = ({ needsSchema, schema, name }) => (needsSchema ? [schema, name] : [name]);

const same = (a, b) => a.toLowerCase() === b.toLowerCase();
const find = (tables, name) => tables.find((each) => each.name === name) ?? tables.find((each) => same(each.name, name));

function distinct(options) {
  const seen = new Set();
  return options.filter(({ name }) => !seen.has(name) && seen.add(name));
}

export function records(body) {
  const found = Array.isArray(body) ? body : body?.data ?? [];
  return found.map((each) => (typeof each === "object" ? each : { name: String(each) }));
}

// What the PromQL mode asks of a server, answered by the plugin's resources.
export class PrometheusMetadata {
  constructor(uid) {
    this.uid = uid;
  }

  async #ask(path, params = {}) {
    try {
      return (await resource(this.uid, path, params)).data;
    } catch {
      return [];
    }
  }

  labelNames(metric) {
    return this.#ask("api/v1/labels", metric ? { "match[]": metric } : {});
  }

  labelValues(label, metric) {
    return this.#ask(`api/v1/label/${encodeURIComponent(label)}/values`, metric ? { "match[]": metric } : {});
  }

  async metricMetadata() {
    const found = await this.#ask("api/v1/metadata");
    return Array.isArray(found) ? {} : found;
  }

  series(metric) {
    return this.#ask("api/v1/series", { "match[]": metric });
  }

  metricNames() {
    return this.labelValues("__name__");
  }

  async flags() {
    return {};
  }

  destroy() {}
}
