"""How much is taken from a server before the connection is given up, whatever it sends.

All are far above what servers send. Rows besides are bounded by the limits of the query, or by whoever reads
the stream; time by the deadlines of connecting and of the call.
"""

from __future__ import annotations

from typing import Final

LOG_IN_BYTES: Final = 64 << 10
"""Everything up to the end of the log-in. The largest part is a key of the server, of some hundred bytes."""

PACKET_BYTES: Final = 1 << 20
"""A packet that is no row: OK, an error, one column's definition."""

DEFINITIONS_BYTES: Final = 16 << 20
"""All packets of an answer that are no rows together, such as the definitions of 65,535 columns."""

ROW_BYTES: Final = 64 << 20
"""One row. It is MySQL's own `max_allowed_packet` unless that is raised."""

BATCH_BYTES: Final = 64 << 20
"""Fixed-width values of a batch once decoded: a NULL takes a bit on the wire, and eight bytes afterwards."""

ERROR_CHARACTERS: Final = 1024
"""Kept of an error's text. Servers cut theirs at 512 bytes."""

RESULT_SETS: Final = 1000
"""Result sets of one statement that are kept."""

RECORDS_BYTES: Final = 16 << 20
"""The rows that answer questions of our own, such as the list of tables."""
