// Values of dashboard variables, put into a query so that they stay values.
const SQL_LANGUAGES = new Set(['sql', 'mysql', 'mariadb', 'postgresql', 'sqlite', 'duckdb', 'clickhouse', 'mssql']);
const STANDARD_STRINGS = new Set(['postgresql', 'sqlite', 'duckdb', 'mssql']); // a backslash is a character as any

/** What Grafana's `replace` does with the values of a variable in a text of the query language. */
function variableFormat() {
  if (SQL_LANGUAGES.has(info.queryLanguage)) {
    return formatForSql;
  }
  return info.queryLanguage === 'promql' ? formatForPromql : undefined;
}

/** A variable of several values is a list of literals; a single value goes between quotes that the query has. */
function formatForSql(value, variable = {}) {
  if (Array.isArray(value)) {
    return value.map(sqlLiteral).join(',');
  }
  if (typeof value !== 'string') {
    return String(value);
  }
  return variable.multi || variable.includeAll ? sqlLiteral(value) : escapeSql(value);
}

function sqlLiteral(value) {
  return typeof value === 'number' ? String(value) : `'${escapeSql(String(value))}'`;
}

function escapeSql(text) {
  const escaped = STANDARD_STRINGS.has(info.queryLanguage) ? text : text.replace(/\\/g, '\\\\');
  return escaped.replace(/'/g, "''");
}

/** Several values are alternatives of a regular expression; both stand between double quotes. */
function formatForPromql(value, variable = {}) {
  if (typeof value === 'string' && !variable.multi && !variable.includeAll) {
    return escapePromql(value);
  }
  const parts = (Array.isArray(value) ? value : [value]).map((each) =>
    escapePromql(String(each).replace(/[\\^$*+?.()|[\]{}]/g, '\\$&'))
  );
  return parts.length === 1 ? parts[0] : `(${parts.join('|')})`;
}

function escapePromql(text) {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

/** `value` with variables replaced in every text in it; the main text as its language asks. */
function interpolated(value, scopedVars, format) {
  if (typeof value === 'string') {
    return runtime.getTemplateSrv().replace(value, scopedVars, format);
  }
  if (Array.isArray(value)) {
    return value.map((each) => interpolated(each, scopedVars, format));
  }
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, interpolated(each, scopedVars, format)]));
  }
  return value;
}

/** A variable's choices: columns `__text` and `__value`, else the first column of texts, else the first. */
function variableValues(frames) {
  const choices = new Map();
  for (const frame of frames) {
    const texts =
      frame.fields.find((field) => field.name === '__text') ||
      frame.fields.find((field) => field.type === data.FieldType.string) ||
      frame.fields[0];
    const values = frame.fields.find((field) => field.name === '__value') || texts;
    for (let row = 0; row < frame.length; row++) {
      const text = String(texts.values[row]);
      choices.set(text, { text, value: String(values.values[row]) });
    }
  }
  return [...choices.values()];
}
