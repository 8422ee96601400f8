// A query's text, put in order.
import { resource } from "../api.js";
import { withoutVariables } from "./promql_holes.js";

export const canFormat = ({ queryLanguage }) => queryLanguage === "promql" || /sql/.test(queryLanguage);

// Raises an error with words for people if the text cannot be read.
export async function formatted(text, plugin, uid) {
  if (plugin.queryLanguage === "promql") {
    const [query, restored] = withoutVariables(text);
    return restored((await resource(uid, "api/v1/format_query", { query })).data);
  }
  const { formatSql } = await import("./format_sql.js");
  return formatSql(text, plugin);
}
