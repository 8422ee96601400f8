"""What `harlequin -a headwater` takes, besides the name of a data source."""

from __future__ import annotations

from harlequin.options import HarlequinAdapterOption, PathOption, TextOption

__all__ = ["OPTIONS"]

OPTIONS: list[HarlequinAdapterOption] = [
    PathOption(
        name="data-dir",
        description="Where data sources and keys are kept. Default: HEADWATER_DATA_DIR, or the one that the "
        "command `headwater` uses.",
        file_okay=False,
    ),
    TextOption(
        name="headwater-host",
        description="URL of a host that runs `headwater serve`, instead of a data directory. Default: "
        "HEADWATER_HOST. Its token is in HEADWATER_TOKEN, or in the file that token-file names.",
    ),
    PathOption(name="token-file", description="A file with the token of the host.", dir_okay=False),
    TextOption(
        name="time-from",
        description="Start of the time range that time series are asked for: now-6h, ISO 8601, or epoch "
        "milliseconds. Default: now-1h.",
    ),
    TextOption(name="time-to", description="Its end. Default: now."),
]
