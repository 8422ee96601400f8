"""Any other driver: what it needs is in its options."""

from __future__ import annotations

import os
import re
from typing import Final

from headwater.errors import ValidationError
from headwater.sdk import DataSourceInstanceSettings
from headwater.sdk.sql import IN_ORDER, NUMBERED
from headwater_adbc.preset import Preset
from headwater_adbc.presets.remote_settings import OtherSettings

DRIVERS: Final = "HEADWATER_ADBC_DRIVERS"

_CHOOSES_CODE: Final = re.compile(r"driver|entrypoint|init_func|load_flags|additional_.*")
"""What the driver manager takes for the code to load, or for where to look for it."""


class Other(Preset[OtherSettings]):
    """A driver is code of this process, so the operator names those that data sources may load."""

    title = "ADBC"

    def __init__(self, settings: OtherSettings, instance: DataSourceInstanceSettings) -> None:
        super().__init__(settings, instance)
        self.placeholders = NUMBERED if settings.placeholder == "$1" else IN_ORDER  # type: ignore[misc]
        self.title = settings.driver  # type: ignore[misc]

    def options(self, seconds: float) -> dict[str, str]:
        del seconds
        settings = self.settings
        allowed = [each for each in os.environ.get(DRIVERS, "").split(os.pathsep) if each]
        if settings.driver not in allowed:
            raise ValidationError(
                f"the host's operator allows drivers in the environment variable {DRIVERS}; "
                "this one is not among them",
                path="jsonData.driver",
            )
        for key in (*settings.options, *settings.secret_options):
            if _CHOOSES_CODE.fullmatch(key.partition("\0")[0]):  # where C ends it
                raise ValidationError(
                    f"{key} is no option of a database: the settings driver and entrypoint say what to load",
                    path="jsonData.options",
                )
        secrets = {"uri": settings.uri, "password": settings.password, **settings.secret_options}
        options = {
            "driver": settings.driver,
            "entrypoint": settings.entrypoint,
            "uri": self.instance.url,
            "username": self.instance.user,
            **settings.options,
            **{key: value.reveal() for key, value in secrets.items() if value},
        }
        return {key: value for key, value in options.items() if value}
