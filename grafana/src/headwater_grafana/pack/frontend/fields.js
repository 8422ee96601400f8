// One form field for each property of a JSON Schema.
const element = React.createElement;
const ACRONYMS = new Set(['api', 'ca', 'http', 'id', 'json', 'sql', 'tls', 'url', 'utc']);

/** "tlsCACert" as people read it: "TLS CA cert". */
function labelOf(key) {
  const words = key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z])([A-Z][a-z])/g, '$1 $2').split(/[ _]+/);
  const lower = words.map((word) => (ACRONYMS.has(word.toLowerCase()) ? word.toUpperCase() : word.toLowerCase()));
  lower[0] = lower[0].charAt(0).toUpperCase() + lower[0].slice(1);
  return lower.join(' ');
}

/** `object` with `key` set; without it where `value` is undefined, so that the plugin's default holds. */
function withKey(object, key, value) {
  const { [key]: before, ...rest } = object || {};
  return value === undefined ? rest : { ...rest, [key]: value };
}

/** Whether the schema is of nothing but texts, numbers and booleans, which one line can hold. */
function kindOf(schema) {
  if (schema.enum) {
    return 'choice';
  }
  const types = (schema.anyOf || [schema]).map((each) => each.type);
  if (types.every((type) => type === 'integer' || type === 'number')) {
    return 'number';
  }
  if (types.every((type) => ['string', 'integer', 'number'].includes(type))) {
    return 'text';
  }
  if (schema.type === 'boolean') {
    return 'boolean';
  }
  return schema.type === 'array' && schema.items && schema.items.type === 'string' ? 'list' : 'json';
}

function SchemaField({ name, schema, value, onChange }) {
  const id = React.useId();
  const kind = kindOf(schema);
  const [fault, setFault] = React.useState('');
  const input = { choice: Choice, number: NumberInput, text: TextInput, boolean: Toggle, list: List, json: JsonInput }[kind];
  return element(
    ui.Field,
    { label: labelOf(name), description: schema.description, invalid: Boolean(fault), error: fault, htmlFor: id },
    element(input, { id, schema, value, onChange, setFault })
  );
}

function Choice({ id, schema, value, onChange }) {
  return element(ui.Combobox, {
    id,
    options: schema.enum.map((each) => ({ value: each, label: each === '' ? '(default)' : String(each) })),
    value: value === undefined ? schema.default : value,
    onChange: (option) => onChange(option ? option.value : undefined),
    placeholder: 'Choose',
    width: 40,
  });
}

function Toggle({ id, schema, value, onChange }) {
  const checked = Boolean(value === undefined ? schema.default : value);
  return element(ui.Switch, { id, value: checked, onChange: (event) => onChange(event.currentTarget.checked) });
}

function List({ id, value, onChange }) {
  return element(ui.TagsInput, { id, tags: value || [], onChange: (tags) => onChange(tags.length ? tags : undefined), width: 40 });
}

/** A text that counts when the field is left, so that a form is not saved at each key. */
function useDraft(value, shown) {
  const [draft, setDraft] = React.useState(shown);
  React.useEffect(() => setDraft(shown), [shown]);
  return [draft, (event) => setDraft(event.currentTarget.value)];
}

function TextInput({ id, schema, value, onChange }) {
  const [draft, onDraft] = useDraft(value, value === undefined ? '' : String(value));
  const onBlur = () => onChange(draft === '' ? undefined : draft);
  return element(ui.Input, { id, value: draft, placeholder: placeholderOf(schema), onChange: onDraft, onBlur, width: 40 });
}

function NumberInput({ id, schema, value, onChange, setFault }) {
  const [draft, onDraft] = useDraft(value, value === undefined ? '' : String(value));
  const onBlur = () => {
    const fault = draft === '' ? '' : faultOf(Number(draft), schema);
    setFault(fault);
    if (!fault) {
      onChange(draft === '' ? undefined : Number(draft));
    }
  };
  return element(ui.Input, {
    id, type: 'number', value: draft, placeholder: placeholderOf(schema), min: schema.minimum, max: schema.maximum,
    onChange: onDraft, onBlur, width: 20,
  });
}

function faultOf(number, schema) {
  if (!Number.isFinite(number) || (schema.type === 'integer' && !Number.isInteger(number))) {
    return schema.type === 'integer' ? 'Must be a whole number' : 'Must be a number';
  }
  if (schema.minimum !== undefined && number < schema.minimum) {
    return `Must be at least ${schema.minimum}`;
  }
  return schema.maximum !== undefined && number > schema.maximum ? `Must be at most ${schema.maximum}` : '';
}

function JsonInput({ id, value, onChange, setFault }) {
  const [draft, onDraft] = useDraft(value, value === undefined ? '' : JSON.stringify(value, null, 2));
  const onBlur = () => {
    try {
      onChange(draft.trim() === '' ? undefined : JSON.parse(draft));
      setFault('');
    } catch (error) {
      setFault(`Must be JSON: ${error.message}`);
    }
  };
  return element(ui.TextArea, { id, value: draft, rows: 3, cols: 60, placeholder: 'JSON', onChange: onDraft, onBlur });
}

function placeholderOf(schema) {
  return schema.default === undefined || schema.default === '' ? '' : String(schema.default);
}
