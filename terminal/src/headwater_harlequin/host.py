"""The host that Harlequin works on: a data directory, or one elsewhere."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen

from headwater import Headwater, connect
from headwater.errors import HeadwaterError, ValidationError
from headwater.secrets import Secret
from headwater_server.cli.workspace import open_headwater
from headwater_server.data_directory import DataDirectory

__all__ = ["HostLocation"]


@frozen
class HostLocation:
    """`host` is a URL; without one, data sources are those of `data_dir`, or of the usual directory."""

    data_dir: str | None = None
    host: str = ""
    token_file: str = ""

    def open(self, closing: ExitStack) -> Headwater:
        """The host, closed with `closing`. Raises HeadwaterError."""
        if self.host:
            return closing.enter_context(connect(self.host, token=self._token(), allow_http=True))
        directory = DataDirectory.named(self.data_dir)
        if not directory.path.exists():
            raise ValidationError(
                "there is no data directory; add a data source with `headwater ds add`",
                path=str(directory.path),
            )
        return closing.enter_context(open_headwater(directory))

    @property
    def id(self) -> str:
        """A text that is the same for the same host."""
        return self.host or str(DataDirectory.named(self.data_dir).path)

    def _token(self) -> Secret:
        if not self.token_file:
            return Secret(os.environ.get("HEADWATER_TOKEN", "").strip())
        try:
            return Secret(Path(self.token_file).read_text().strip())
        except OSError as error:
            raise HeadwaterError(f"{self.token_file} cannot be read: {error.strerror}") from error
