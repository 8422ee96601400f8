// The form of a data source: connection, secrets, settings.
const CONNECTION = {
  url: { label: 'URL', get: (options) => options.url, set: (options, url) => ({ ...options, url }) },
  user: { label: 'User', get: (options) => options.user, set: (options, user) => ({ ...options, user }) },
  database: { label: 'Database', get: (options) => options.database, set: (options, database) => ({ ...options, database }) },
  basicAuthUser: {
    label: 'Basic auth user',
    get: (options) => options.basicAuthUser,
    set: (options, name) => ({ ...options, basicAuthUser: name, basicAuth: name !== '' }),
  },
};

function ConfigEditor({ options, onOptionsChange }) {
  const setSetting = (key) => (value) => onOptionsChange({ ...options, jsonData: withKey(options.jsonData, key, value) });
  const settings = Object.entries(info.settingsSchema.properties || {}).filter(([, schema]) => !schema.writeOnly);
  const others = otherSettings(options.jsonData);
  return element(
    React.Fragment,
    null,
    element(Section, { label: 'Connection' },
      Object.keys(CONNECTION)
        .filter((key) => !info.connection || key in info.connection)
        .map((key) => element(ConnectionField, { key, name: key, options, onOptionsChange }))),
    element(Section, { label: 'Secrets' },
      info.secretKeys.map((key) => element(key.endsWith('*') ? SecretFamily : SecretField, { key, name: key, options, onOptionsChange }))),
    element(Section, { label: 'Settings' },
      settings.map(([key, schema]) =>
        element(SchemaField, { key, name: key, schema, value: (options.jsonData || {})[key], onChange: setSetting(key) })),
      info.settingsSchema.patternProperties &&
        element(SchemaField, {
          key: '*',
          name: 'otherSettings',
          schema: { type: 'object', description: 'Settings that have no field of their own, as a JSON object.' },
          value: Object.keys(others).length ? others : undefined,
          onChange: (value) => onOptionsChange({ ...options, jsonData: { ...listedSettings(options.jsonData), ...value } }),
        }))
  );
}

function Section({ label, children }) {
  const fields = React.Children.toArray(children);
  return fields.length ? element(ui.FieldSet, { label }, ...fields) : null;
}

function ConnectionField({ name, options, onOptionsChange }) {
  const id = React.useId();
  const { label, get, set } = CONNECTION[name];
  return element(
    ui.Field,
    { label, description: info.connection && info.connection[name], htmlFor: id },
    element(ui.Input, { id, value: get(options) || '', onChange: (event) => onOptionsChange(set(options, event.currentTarget.value)), width: 40 })
  );
}

/** What is stored cannot be read back: Grafana tells only that it is there. */
function SecretField({ name, label, options, onOptionsChange }) {
  const id = React.useId();
  const schema = (info.settingsSchema.properties || {})[name] || {};
  const isText = /PEM/.test(schema.description || '');
  const setSecret = (value, isStored) =>
    onOptionsChange({
      ...options,
      secureJsonFields: { ...options.secureJsonFields, [name]: isStored },
      secureJsonData: { ...options.secureJsonData, [name]: value },
    });
  return element(
    ui.Field,
    { label: label || labelOf(name), description: schema.description, htmlFor: id },
    element(isText ? ui.SecretTextArea : ui.SecretInput, {
      id,
      isConfigured: Boolean((options.secureJsonFields || {})[name]),
      value: (options.secureJsonData || {})[name] || '',
      onChange: (event) => setSecret(event.currentTarget.value, false),
      onReset: () => setSecret('', false),
      ...(isText ? { rows: 4, cols: 60 } : { width: 40 }),
    })
  );
}

/** Secrets whose names start alike, such as those of headers. */
function SecretFamily({ name, options, onOptionsChange }) {
  const prefix = name.slice(0, -1);
  const id = React.useId();
  const [added, setAdded] = React.useState([]);
  const [next, setNext] = React.useState('');
  const stored = Object.keys(options.secureJsonFields || {}).filter((key) => key.startsWith(prefix));
  const names = [...new Set([...stored, ...added])];
  const add = () => {
    setAdded([...added, prefix + next]);
    setNext('');
  };
  return element(
    React.Fragment,
    null,
    names.map((key) => element(SecretField, { key, name: key, label: key, options, onOptionsChange })),
    element(
      ui.Field,
      { label: `Add a secret ${prefix}*`, description: 'The rest of its name', htmlFor: id },
      element(ui.Input, {
        id,
        value: next,
        onChange: (event) => setNext(event.currentTarget.value),
        addonAfter: element(ui.Button, { variant: 'secondary', disabled: next === '', onClick: add, 'aria-label': `Add ${prefix}${next}` }, 'Add'),
        width: 40,
      })
    )
  );
}

function listedSettings(jsonData) {
  return Object.fromEntries(Object.entries(jsonData || {}).filter(([key]) => key in info.settingsSchema.properties));
}

function otherSettings(jsonData) {
  return Object.fromEntries(Object.entries(jsonData || {}).filter(([key]) => !(key in info.settingsSchema.properties)));
}
