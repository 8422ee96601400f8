"""A provider that signs whatever a test wants: for tokens that no honest one makes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
OTHER_KEY = ECKey.generate_key("P-256", {"kid": "second", "use": "sig", "alg": "ES256"})
STRANGERS_KEY = RSAKey.generate_key(2048, {"kid": "first"})
"""Under the id of the provider's key, but not the provider's."""
AUDIENCE = "https://data.example.org/api"
CLIENT_ID = "headwater"


class ForgingProvider:
    """`keys` are those that it publishes, and `id_token` what it says at a sign-in. While it is `down` it
    refuses to answer. `asked` are the paths that were asked for."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys: list[Key] = [KEY]
        self.down = False
        self.asked: list[str] = []
        self.forms: list[Mapping[str, str]] = []
        self.id_token = ""
        self.metadata: dict[str, Any] = {}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good access token for the API, with `changes`; None takes one away."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "exp": now + 300,
            "groups": ["staff"],
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: Key | None = None, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        signer = key or KEY
        head = {"alg": "ES256" if signer.key_type == "EC" else "RS256", "kid": signer.kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, self.claims(**changes), signer, algorithms=[head["alg"]])

    def answer(self, path: str) -> Mapping[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.metadata,
            }
        if path == "/keys":
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        return {"token_type": "Bearer", "access_token": "opaque", "id_token": self.id_token}


@contextmanager
def start_forging_provider() -> Iterator[ForgingProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            provider.forms.append({name: values[0] for name, values in form.items()})
            self._answer()

        def _answer(self) -> None:
            path = urlsplit(self.path).path
            provider.asked.append(path)
            body = json.dumps(provider.answer(path)).encode()
            self.send_response(503 if provider.down else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = ForgingProvider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.05,), name="forging-provider", daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
