"""What an error of the network means, where no server of a test can produce it."""

from __future__ import annotations

import errno

import pytest
import urllib3.exceptions

from headwater.errors import DownstreamConnectionError
from headwater.sdk.http.failures import translate


@pytest.mark.parametrize(
    "error", [OSError(errno.EHOSTUNREACH, "No route to host"), urllib3.exceptions.HTTPError("new to us")]
)
def test_any_other_error_is_a_connection_that_failed(error: Exception) -> None:
    translated = translate(error, "http://server.test", None)
    assert isinstance(translated, DownstreamConnectionError)
    assert str(translated) == "The connection to http://server.test failed."
