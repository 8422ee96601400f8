"""What the plugin says of itself."""

from __future__ import annotations

import subprocess
import sys

from headwater import Headwater
from headwater_mysql.decode.choice import NATIVE, choose_decoder
from servers.mysql_family import DatabaseServer


def test_its_notes_name_the_row_decoder_that_is_active() -> None:
    with Headwater(allow_plugins={"mysql"}) as host:
        (note,) = host.plugin_info("mysql").notes
    assert note.startswith(choose_decoder()[0])
    assert choose_decoder()[0] != NATIVE or note == "native row decoder"


ASK = """
import sys
from headwater import Headwater
with Headwater(allow_plugins={"mysql"}) as host:
    host.add_data_source(type="mysql", name="db", url=sys.argv[1], user=sys.argv[2],
                         json_data={"decoder": sys.argv[4]}, secure_json_data={"password": sys.argv[3]})
    sql = "SELECT 1.5 AS n, NOW() AS t, 'a' AS s UNION ALL SELECT NULL, NULL, NULL"
    assert host.query("db", sql).num_rows == 2
print("pandas" in sys.modules)
"""


def test_reading_a_table_imports_no_pandas(server: DatabaseServer, decoder_name: str) -> None:
    """It takes seconds where it is installed, once, and Arrow does it for some ways to make an array."""
    command = [sys.executable, "-c", ASK, server.address, server.user, server.password, decoder_name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr
