"""Fuzzes one target in this process: `python -m fuzz.worker TARGET FOLDER [libFuzzer's options]`.

The product's modules are instrumented as they are imported, so they must not have been imported before.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

PRODUCT = [
    "headwater", "headwater_adbc", "headwater_clickhouse", "headwater_engines", "headwater_expressions",
    "headwater_grafana", "headwater_mysql", "headwater_prometheus", "headwater_server",
]  # fmt: skip


def main(name: str, folder: Path, options: list[str]) -> None:
    with atheris.instrument_imports(include=PRODUCT):
        from fuzz.target import find

        target = find(name)
        for seed in sorted(target.seeds.iterdir()):  # imports what is imported late
            target.run(seed.read_bytes())
    found = folder / "found"
    found.mkdir(parents=True, exist_ok=True)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in target.tokens))
    arguments = [f"-dict={words}", f"-max_len={target.max_bytes}", f"-artifact_prefix={folder}/", *options]
    atheris.Setup([sys.argv[0], *arguments, str(found), str(target.seeds)], target.run)
    atheris.Fuzz()


def _escaped(token: str | bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in (token.encode() if isinstance(token, str) else token))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
