import { Field } from "../sources/field.jsx";

// The keys of the plugin's query model besides its main text, as a form made from its JSON Schema.
export function Options({ plugin, value, onChange, onText }) {
  const properties = Object.entries(plugin.querySchema?.properties ?? {}).filter(([key]) => key !== plugin.queryTextKey);
  function change(key, next) {
    const { [key]: _, ...rest } = value;
    onChange(next === undefined ? rest : { ...rest, [key]: next });
  }
  function use(example) {
    const { [plugin.queryTextKey]: text = "", ...rest } = example.query;
    onText(text);
    onChange(rest);
  }
  return (
    <div class="options">
      {plugin.examples.length > 0 && (
        <span class="examples">
          Examples:
          {plugin.examples.map((example) => <button title={example.description} onClick={() => use(example)}>{example.title}</button>)}
        </span>
      )}
      {properties.length > 0 && (
        <details open={Object.keys(value).length > 0}>
          <summary>Query options</summary>
          <div class="fields">
            {properties.map(([key, schema]) => <Field key={key} name={key} schema={schema} value={value[key]} onChange={(next) => change(key, next)} />)}
          </div>
        </details>
      )}
    </div>
  );
}
