import { useEffect, useState } from "preact/hooks";
import { loginProviders } from "./api.js";
import { leaveFor } from "./place.js";

// Asks for a token, or sends to a provider that vouches for people. `refusal` says why the last sign-in does not
// do; `onCancel` is there where none is needed.
export function Login({ onToken, onCancel, refusal }) {
  const [token, setToken] = useState("");
  const [providers, setProviders] = useState([]);
  useEffect(() => void loginProviders().then(setProviders, () => {}), []);
  return (
    <main class="login">
      <h1>Headwater</h1>
      <form onSubmit={(event) => (event.preventDefault(), onToken(token.trim()))}>
        {providers.map(({ name, url }) => (
          <p class="actions"><button type="button" class="primary" onClick={() => leaveFor(url)}>Sign in with {name}</button></p>
        ))}
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
