"""One measurement in this process, as JSON: `python -m comparison.one MODULE CONTENDER ADDRESS POINT`.

Run by the interpreter of the contender's environment, in which Headwater may be missing. What is prepared
(imports, connections, a first small answer) does not count. A call returns how many rows came, or all
figures where they are those of another process.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

from memory import peak_mib


def main(module: str, name: str, address: str, point: str) -> None:
    contender = getattr(importlib.import_module(f"{__package__}.contenders.{module}"), name)
    call = contender(json.loads(address), int(point))
    cpu, started = time.process_time(), time.perf_counter()
    found = call()
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    figures = {"seconds": seconds, "cpu": used, "peak_mb": peak_mib()}
    print(json.dumps({**figures, **(found if isinstance(found, dict) else {"count": found})}))


if __name__ == "__main__":
    main(*sys.argv[1:])
