"""Both decoders, and both servers, for every test that asks for them."""

from __future__ import annotations

import pytest

from headwater_mysql.decode.rows import NATIVE, NUMPY, DecoderFactory, choose_decoder


@pytest.fixture(params=[NATIVE, NUMPY], scope="session")
def decoder(request: pytest.FixtureRequest) -> DecoderFactory:
    """Each of the row decoders in turn. The native one may be missing where no compiler was."""
    try:
        return choose_decoder(request.param)[1]
    except ImportError:
        pytest.skip("the native decoder is not built")
