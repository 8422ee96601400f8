"""What comes beside a call: credentials and options."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from pyarrow import flight

from headwater.errors import QueryRequestError

from .errors import flight_errors_only
from .tickets import TicketSealer

_LOGIN: Final = "login"
_LOGIN_SECONDS: Final = 12 * 3600.0
_BEARER: Final = "Bearer "
_PREFIX: Final = "hwfl_"  # no API token begins so


class CallHeaders(flight.ServerMiddleware):  # type: ignore[misc]
    """The headers of a call, with lower-case names; `answer` goes back with its answer."""

    def __init__(self, values: Mapping[str, str], answer: Mapping[str, str]) -> None:
        self.values = values
        self._answer = answer

    def sending_headers(self) -> Mapping[str, str]:
        return self._answer


class CallHeadersFactory(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    """`check` raises for credentials that nobody has.

    Clients with a name and a password ask once, by a handshake, for a bearer token to send in their place.
    They get the credentials themselves, sealed: each call checks them again, on whichever host it arrives.
    """

    def __init__(self, check: Callable[[str], None], sealer: TicketSealer) -> None:
        self._check = check
        self._sealer = sealer

    @flight_errors_only
    def start_call(self, info: flight.CallInfo, headers: Mapping[str, list[Any]]) -> CallHeaders:
        values = {name.lower(): str(each[0]) for name, each in headers.items() if each}
        authorization = values["authorization"] = _padded(values.get("authorization", ""))
        if info.method == flight.FlightMethod.HANDSHAKE:
            self._check(authorization)
            return CallHeaders(values, {"authorization": self._login(authorization)})
        if authorization.startswith(_BEARER + _PREFIX):
            values["authorization"] = self._credentials(authorization)
        return CallHeaders(values, {})

    def _login(self, authorization: str) -> str:
        sealed = self._sealer.seal(_LOGIN, {"authorization": authorization}, _LOGIN_SECONDS)
        return _BEARER + _PREFIX + base64.urlsafe_b64encode(sealed).decode()

    def _credentials(self, authorization: str) -> str:
        """What was sealed; the header itself, which nobody is known by, if it is not ours or has expired."""
        try:
            sealed = base64.urlsafe_b64decode(authorization.removeprefix(_BEARER + _PREFIX))
            opened: str = self._sealer.open(_LOGIN, sealed)["authorization"]
        except (ValueError, QueryRequestError):
            return authorization
        return opened


class OpenHandshake(flight.ServerAuthHandler):  # type: ignore[misc]
    """Lets every handshake pass: headers say who calls, and each call is checked by itself."""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        pass

    def is_valid(self, token: bytes) -> bytes:
        del token
        return b""


def _padded(authorization: str) -> str:
    """Go's Flight client leaves the padding of base64 away."""
    scheme, space, text = authorization.partition(" ")
    missing = -len(text) % 4 if scheme.lower() == "basic" else 0
    return scheme + space + text + "=" * missing
