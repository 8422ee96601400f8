// What the data source's macros expand to. The Query tab of a result shows what they became.
export function Macros({ macros, onPick }) {
  return (
    <details class="macros">
      <summary>Macros</summary>
      <dl>
        {macros.map(({ usage, expansion }) => (
          <div key={usage}>
            <dt><button class="name" title="Insert" onClick={() => onPick(usage)}>{usage}</button></dt>
            <dd>{expansion}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">{"{from} and {to} are the ends of the time range in unix seconds."}</p>
    </details>
  );
}
