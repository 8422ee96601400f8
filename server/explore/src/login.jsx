import { useState } from "preact/hooks";

export function Login({ onToken, failed }) {
  const [token, setToken] = useState("");
  return (
    <main class="login">
      <h1>Headwater</h1>
      <form onSubmit={(event) => (event.preventDefault(), onToken(token.trim()))}>
        <label>
          Token
          <input type="password" autocomplete="off" autofocus value={token} onInput={(event) => setToken(event.target.value)} />
        </label>
        {failed && <p class="error" role="alert">The host does not know this token, or it has expired.</p>}
        <button class="primary" disabled={!token.trim()}>Sign in</button>
        <p class="hint">
          The first start of <code>headwater serve</code> prints one; <code>headwater token create</code> makes more.
          It stays in this page's memory only.
        </p>
      </form>
    </main>
  );
}
