"""What the plugin says of itself."""

from __future__ import annotations

from headwater import Headwater
from headwater_mysql.decode.choice import NATIVE, choose_decoder


def test_its_notes_name_the_row_decoder_that_is_active() -> None:
    with Headwater(allow_plugins={"mysql"}) as host:
        (note,) = host.plugin_info("mysql").notes
    assert note.startswith(choose_decoder()[0])
    assert choose_decoder()[0] != NATIVE or note == "native row decoder"
