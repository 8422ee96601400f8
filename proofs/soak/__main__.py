"""A host before every server at 70 % of what it bears, a fifth of the queries left by their clients, a data
source edited each second, the encryption key changed at half-time: what memory, threads, file descriptors
and latency do meanwhile, and what memory is left in the rests between."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2

from chaos.hosts import add_source, uid_of
from chaos.sources import SOURCES
from servers.serve_process import COMMAND, ServeProcess, admin_token
from soak.clients import Clients, edited
from soak.samples import Samples
from soak.verdict import show

CLIENTS = 8
REMEMBERED_SECRETS = 10_000
"""Which the host masks in its log, the oldest forgotten beyond. Until then each new one takes memory."""
CALIBRATION_SECONDS = 15.0
ROUNDS = 12
"""Of load, each with a rest behind it."""
REST_SECONDS = 36.0
"""Half a minute after the last request the host has given memory back."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--load", type=float, default=0.7, help="Part of the queries that it bears.")
    parser.add_argument("--quick", action="store_true", help="Half a minute, for the shape.")
    arguments = parser.parse_args()
    seconds = 30.0 if arguments.quick else 60 * arguments.minutes
    with ExitStack() as stack:
        sources = {name: stack.enter_context(start()) for name, start in SOURCES.items()}
        host = ServeProcess(Path(stack.enter_context(tempfile.TemporaryDirectory())), "--log-level", "error")
        stack.callback(host.stop)
        host.wait_ready()
        for name, source in sources.items():
            add_source(host, uid_of(name), source)
        host.call("POST", "/api/datasources", json=edited(0)).raise_for_status()
        remember_secrets(host, 100 if arguments.quick else REMEMBERED_SECRETS)
        calibration = Clients(host, sources, CLIENTS)
        calibration.run(min(CALIBRATION_SECONDS, seconds / 3))
        most = sum(calibration.outcomes.values()) / min(CALIBRATION_SECONDS, seconds / 3)
        clients = Clients(host, sources, CLIENTS, pause=CLIENTS / (most * arguments.load))
        samples = Samples(host.process.pid)
        go_through(clients, samples, host, seconds / ROUNDS, 3.0 if arguments.quick else REST_SECONDS)
        return show(samples, clients, seconds, most, arguments.load)


def remember_secrets(host: ServeProcess, count: int) -> None:
    """Others than the clients' edits make."""
    headers = {"Authorization": f"Bearer {admin_token(host)}"}
    with httpx2.Client(base_url=host.url, headers=headers, trust_env=False) as client:
        for number in range(count):
            client.put("/api/datasources/uid/edited", json=edited(-number)).raise_for_status()


def go_through(
    clients: Clients, samples: Samples, host: ServeProcess, load_seconds: float, rest_seconds: float
) -> None:
    with ThreadPoolExecutor() as pool:
        for number in range(ROUNDS):
            over = threading.Event()
            beside = [pool.submit(samples.take, over)]
            if number == ROUNDS // 2:
                beside.append(pool.submit(rotate, host, clients))
            clients.run(load_seconds)
            over.set()
            for each in beside:
                each.result()
            samples.rest(rest_seconds)
            for name, source in clients.sources.items():
                if running := source.running():
                    clients.outcomes[f"{name}: {running} at work though nobody asks"] += 1
            left = f"{samples.at_rest[-1]:.1f} MB at rest"
            print(f"round {number + 1} of {ROUNDS}: {left}", file=sys.stderr, flush=True)


def rotate(host: ServeProcess, clients: Clients) -> None:
    """All the steps of a key's change, as an operator takes them."""

    def headwater(*words: str) -> str:
        command = [*COMMAND, "--data-dir", str(host.directory), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            clients.outcomes[f"rotation: {' '.join(words)}: {done.stderr[-300:]}"] += 1
        return done.stdout.strip()

    [old] = [key["key"] for key in json.loads(headwater("key", "list", "--json")) if key["state"] == "active"]
    new = headwater("key", "add")
    headwater("key", "activate", new)
    headwater("secrets", "rewrap")
    headwater("secrets", "verify")
    headwater("key", "retire", old)
    clients.outcomes["rotated"] += 1


if __name__ == "__main__":
    sys.exit(main())
