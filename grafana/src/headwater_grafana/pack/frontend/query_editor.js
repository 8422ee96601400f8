// The editor of a query: its text, its format, and the options of its schema.
const HIDDEN = new Set(['adhocFilters', 'adHocFilters', info.queryTextKey]); // Grafana fills in the first two
const QUERY_FIELDS = Object.entries(info.querySchema.properties || {}).filter(([key]) => !HIDDEN.has(key));
const SHOWN = QUERY_FIELDS.filter(([key]) => key === 'format');
const OPTIONS = QUERY_FIELDS.filter(([key]) => key !== 'format');

function QueryEditor({ query, onChange, onRunQuery }) {
  const [isOpen, setOpen] = React.useState(!info.queryTextKey);
  const set = (key) => (value) => {
    if (value !== query[key]) {
      onChange(withKey(query, key, value));
      onRunQuery();
    }
  };
  const fields = (listed) =>
    listed.map(([key, schema]) => element(SchemaField, { key, name: key, schema, value: query[key], onChange: set(key) }));
  return element(
    React.Fragment,
    null,
    info.queryTextKey && element(QueryText, { value: query[info.queryTextKey], onChange: set(info.queryTextKey) }),
    fields(SHOWN),
    OPTIONS.length > 0 &&
      element(ui.Collapse, { label: 'Options', isOpen, onToggle: () => setOpen(!isOpen) }, isOpen ? fields(OPTIONS) : null)
  );
}

/** The query of a dashboard's variable; older dashboards keep it as a text. */
function VariableQueryEditor({ query, onChange }) {
  const object = variableQuery(query);
  const set = (changed) => onChange(changed, String(changed[info.queryTextKey] || ''));
  return element(QueryEditor, { query: object, onChange: set, onRunQuery: () => {} });
}

function variableQuery(query) {
  return typeof query === 'string' ? { [info.queryTextKey]: query } : query || {};
}

/** An editor with the language's colours where the query is of a language, else one line. */
function QueryText({ value, onChange }) {
  const schema = (info.querySchema.properties || {})[info.queryTextKey] || {};
  if (!info.queryLanguage) {
    return element(SchemaField, { name: info.queryTextKey, schema, value, onChange });
  }
  return element(
    React.Fragment,
    null,
    element(ui.CodeEditor, {
      language: editorLanguage(info.queryLanguage),
      value: value || '',
      height: 160,
      showMiniMap: false,
      showLineNumbers: true,
      onBlur: onChange,
      onSave: onChange,
      getSuggestions: () =>
        info.macros.map(({ usage, expansion }) => ({
          label: usage, detail: expansion, insertText: usage, kind: ui.CodeEditorSuggestionItemKind.Method,
        })),
    }),
    info.macros.length > 0 && element(MacroHelp)
  );
}

/** The name by which Grafana's code editor knows a language. */
function editorLanguage(language) {
  return { postgresql: 'pgsql', clickhouse: 'sql', sqlite: 'sql', duckdb: 'sql' }[language] || language;
}

function MacroHelp() {
  const [isOpen, setOpen] = React.useState(false);
  return element(
    ui.Collapse,
    { label: 'Macros', isOpen, onToggle: () => setOpen(!isOpen) },
    isOpen &&
      element('table', null,
        element('tbody', null,
          info.macros.map(({ usage, expansion }) =>
            element('tr', { key: usage }, element('td', null, element('code', null, usage)), element('td', null, expansion)))))
  );
}
