// Fetched when it is first used: the formatter is a fifth of the page.
import { clickhouse, duckdb, formatDialect, mysql, postgresql, sqlite } from "sql-formatter";

const DIALECTS = { mysql, clickhouse, duckdb, sqlite, postgresql };

// What stays as it is: ${…}, macros with what is in their parentheses, variables, and parameters of a query.
const KEPT = [String.raw`\$\{[^}]+\}`, String.raw`\$__\w+\((?:[^()]|\([^()]*\))*\)`, String.raw`\$\w+`, String.raw`\[\[\w+\]\]`, String.raw`\{\w+:[^}]+\}`, String.raw`(?<!:):[A-Za-z_]\w*`];

export function formatSql(text, { id, queryLanguage }) {
  const [, dialect = postgresql] = Object.entries(DIALECTS).find(([name]) => id.includes(name) || queryLanguage.includes(name)) ?? [];
  try {
    return formatDialect(text, { dialect, tabWidth: 2, expressionWidth: 60, paramTypes: { custom: KEPT.map((regex) => ({ regex })) } });
  } catch {
    throw new Error("The query cannot be put in order: the formatter cannot read its statement.");
  }
}
