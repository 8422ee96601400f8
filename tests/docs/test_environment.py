"""The table of environment variables has every one that the code reads, and no other, but for settings."""

from __future__ import annotations

import re
from pathlib import Path

from headwater_server.settings.all_settings import all_settings

ROOT = Path(__file__).parents[2]
#: Read by libraries and by `Path.home()`, where no search finds them; what is set for others to read;
#: and what the script of `headwater completion` tells its own program.
ELSEWHERE = {
    "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONDONTWRITEBYTECODE", "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "COMP_WORDS",
}  # fmt: skip


def test_the_table_of_environment_variables_is_complete() -> None:
    table = (ROOT / "docs/reference/environment.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(.+?)`", row)}
    settings = {each.variable for each in all_settings()}  # on the page of settings, which the code writes
    assert listed - ELSEWHERE == _read_by_the_code() - ELSEWHERE - settings


def _read_by_the_code() -> set[str]:
    sources = [*ROOT.glob("*/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py"), *ROOT.glob("plugins/*/*.py")]
    code = "\n".join(path.read_text() for path in sources)
    names = set(re.findall(r"\bHEADWATER_[A-Z][A-Z_]*[A-Z]\b", code))
    names |= set(re.findall(r"""environ(?:\.get\(|\[)["'](\w+)["']""", code))
    for constant in set(re.findall(r"environ(?:\.get\(|\[)([A-Z_]+)\b", code)):
        names |= set(re.findall(rf"""^{constant}(?:: Final)? = ["'](\w+)["']""", code, re.MULTILINE))
    keys = {name for name in names if name.startswith("HEADWATER_KEK_")}
    return names - keys | {"HEADWATER_KEK_<ID>"}
