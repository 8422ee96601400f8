import { useState } from "preact/hooks";

// Asks for a token. `refusal` says why the last one does not do; `onCancel` is there where none is needed.
export function Login({ onToken, onCancel, refusal }) {
  const [token, setToken] = useState("");
  return (
    <main class="login">
      <h1>Headwater</h1>
      <form onSubmit={(event) => (event.preventDefault(), onToken(token.trim()))}>
        <label>
          Token
          <input type="password" autocomplete="off" autofocus value={token} onInput={(event) => setToken(event.target.value)} />
        </label>
        {refusal && <p class="error" role="alert">{refusal}</p>}
        <p class="actions">
          <button class="primary" disabled={!token.trim()}>Sign in</button>
          {onCancel && <button type="button" onClick={onCancel}>Go on without</button>}
        </p>
        <p class="hint">
          The first start of <code>headwater serve</code> prints one; <code>headwater token create</code> makes more.
          It stays in this tab, until it is closed or you sign out.
        </p>
      </form>
    </main>
  );
}
