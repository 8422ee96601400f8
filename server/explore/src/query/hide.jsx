// Whether a query only serves expressions: then its rows do not come back.
export function Hide({ query, onExtra }) {
  const { hide, ...shown } = query.extra;
  return (
    <label class="hide">
      <input type="checkbox" checked={hide === true} onChange={(event) => onExtra(event.target.checked ? { ...shown, hide: true } : shown)} aria-label={`Hide ${query.refId}`} />
      {" Hide"}
    </label>
  );
}
