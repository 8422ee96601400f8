// A secret is only ever written: one that is set shows as such. `value` is undefined to keep it, "" to remove it.
export function SecretField({ name, description, isSet, value, error, onChange }) {
  const removed = isSet && value === "";
  return (
    <div class="secret">
      <label>
        <span>
          {name}
          {description && <small>{description}</small>}
          {error && <small class="error" role="alert">{error}</small>}
        </span>
        <input
          type="password" autocomplete="new-password" disabled={removed} aria-invalid={error ? true : undefined}
          placeholder={removed ? "will be removed" : isSet ? "set; leave empty to keep it" : "not set"}
          value={value ?? ""} onInput={(event) => onChange(event.target.value || undefined)}
        />
      </label>
      {isSet && <button type="button" class="quiet" aria-label={`${removed ? "Keep" : "Remove"} ${name}`} onClick={() => onChange(removed ? undefined : "")}>{removed ? "Keep" : "Remove"}</button>}
    </div>
  );
}
