// Chooses a data source. `value` may be none of them; `blank` is what then stands there.
export function SourceSelect({ sources, value, blank = "Choose one…", label, onChange }) {
  const isKnown = sources.some((each) => each.uid === value);
  return (
    <select aria-label={label} value={isKnown ? value : ""} onChange={(event) => event.target.value && onChange(event.target.value)}>
      {!isKnown && <option value="">{blank}</option>}
      {sources.map((each) => <option key={each.uid} value={each.uid}>{each.name} ({each.typeName ?? each.type})</option>)}
    </select>
  );
}
