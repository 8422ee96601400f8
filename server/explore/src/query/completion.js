// Names for completion, out of the data source's resources.
import { resource } from "../api.js";

const MOST_TABLES = 200;

// {table: [columns]} as the SQL mode wants it; the columns of a table come when there are few tables.
export async function sqlSchema(uid, signal) {
  const tables = records(await resource(uid, "tables", {}, signal));
  const schema = Object.fromEntries(tables.map((table) => [table.name, []]));
  if (tables.length <= MOST_TABLES) {
    await inTurns(tables, 6, async (table) => {
      const columns = records(await resource(uid, "columns", { table: table.name, database: table.database ?? "" }, signal));
      schema[table.name] = columns.map((column) => ({ label: column.name, detail: column.type, type: "property" }));
    });
  }
  return schema;
}

export function records(body) {
  const found = Array.isArray(body) ? body : body?.data ?? [];
  return found.map((each) => (typeof each === "object" ? each : { name: String(each) }));
}

async function inTurns(items, count, work) {
  const queue = [...items];
  await Promise.all(Array.from({ length: count }, async () => {
    for (let item = queue.shift(); item; item = queue.shift()) await work(item);
  }));
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
