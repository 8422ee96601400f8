// What an SQL expression may select from: the queries above it, by their ref ids.
import { queryLines } from "../api.js";
import { EXPRESSIONS } from "./queries.js";

const PROBE = "columns";

// Tables and columns for completion. `requestOf` gives the request at hand, and `refId` is the expression's.
export class InputNames {
  #requestOf;
  #refId;
  #asked = new Map();

  constructor(requestOf, refId) {
    this.#requestOf = requestOf;
    this.#refId = refId;
  }

  async tables() {
    return this.#inputs().map(({ refId }) => ({ name: refId, kind: "query" }));
  }

  // The columns as SQL sees them, which are not always those of the answer: labels are columns, too. The host
  // is asked once for each text of the queries.
  async columns({ name }) {
    const input = this.#inputs().find(({ refId }) => refId.toLowerCase() === name.toLowerCase());
    if (!input) return [];
    const { from, to } = this.#requestOf();
    const queries = [
      ...this.#inputs().map((query) => ({ ...query, hide: true })),
      { refId: PROBE, datasource: EXPRESSIONS, type: "sql", expression: `SELECT * FROM "${input.refId}" LIMIT 0` },
    ];
    const request = { from, to, queries };
    const key = JSON.stringify(request);
    if (!this.#asked.has(key)) this.#asked.set(key, columnsOf(request).catch(() => (this.#asked.delete(key), [])));
    return this.#asked.get(key);
  }

  #inputs() {
    const queries = this.#requestOf()?.queries ?? [];
    return queries.slice(0, Math.max(0, queries.findIndex(({ refId }) => refId === this.#refId)));
  }
}

async function columnsOf(request) {
  for await (const { lines } of queryLines(request)) {
    const frame = lines.find((line) => line.refId === PROBE && line.frame)?.frame;
    if (frame) return frame.schema.fields.map(({ name, type }) => ({ name, type }));
  }
  return [];
}
