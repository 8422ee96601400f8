"""Runs the steps of a Dockerfile without a container engine: each stage in a bare Debian root of its own.

It needs the rights to mount and to change the root. Only what the image of this repository uses is known:
other instructions are refused.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import define, field

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/container/Dockerfile"
#: How the machine reaches registries, which a container engine brings into its builds, too.
_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf")
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_NOT_COPIED = shutil.ignore_patterns(".venv", ".nox", "__pycache__", ".git", "node_modules", "dist", "*.so")


@define
class Stage:
    """A root in `path`, and what later instructions and the container itself start from."""

    path: Path
    name: str = ""
    environment: dict[str, str] = field(factory=lambda: {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(factory=list)
    command: list[str] = field(factory=list)
    healthcheck: list[str] = field(factory=list)


def build(target: Path, base: Path, binds: Sequence[str] = ()) -> Stage:
    """The last stage of the Dockerfile, in `target`. `base` is a bare Debian of the release that it names."""
    stages: list[Stage] = []
    for word, rest in instructions(DOCKERFILE.read_text()):
        if word == "FROM":
            stages.append(_begin(target.with_name(f"{target.name}-{len(stages)}"), base, rest))
        else:
            _follow(stages, word, rest, binds)
    shutil.rmtree(target, ignore_errors=True)
    stages[-1].path.rename(target)
    stages[-1].path = target
    return stages[-1]


def instructions(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest


def run_in(
    stage: Stage, command: Sequence[str], binds: Sequence[str] = (), *, read_only: bool = False
) -> list[str]:
    """The command line that runs `command` in the stage's root, as its user, in namespaces of its own."""
    root = str(stage.path)
    script = [
        f"mount --bind {root} {root}",
        f"mount -t proc proc {root}/proc",
        f"mount -t tmpfs tmpfs {root}/tmp",
    ]
    script += [f"mkdir -p {root}{each} && mount --bind {each} {root}{each}" for each in binds]
    if read_only:
        data = f"{root}/var/lib/headwater"
        script += [f"mount --bind {data} {data}", f"mount -o remount,ro,bind {root}"]
    user, _, group = stage.user.partition(":")
    variables = " ".join(f"{name}='{value}'" for name, value in stage.environment.items())
    script.append(
        f"exec env -i {variables} {shutil.which('chroot')} --userspec={user}:{group} {root} "
        f'/bin/sh -c \'cd {stage.folder} && exec "$@"\' sh "$@"'
    )
    return ["unshare", "--mount", "--propagation=private", "sh", "-ec", "\n".join(script), "sh", *command]


def _begin(path: Path, base: Path, rest: str) -> Stage:
    image, _, name = rest.partition(" AS ")
    if image != "debian:bookworm-slim":
        raise ValueError(f"only debian:bookworm-slim is known, not {image}")
    shutil.rmtree(path, ignore_errors=True)
    subprocess.run(["cp", "-a", str(base), str(path)], check=True)
    for file in _NETWORK:
        if Path(file).exists():
            Path(f"{path}{file}").parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, f"{path}{file}")
    if _AUTHORITIES.exists():  # under another name: the package of that name writes its own
        shutil.copy(_AUTHORITIES, path / "etc/authorities.crt")
    return Stage(path, name)


def _follow(stages: list[Stage], word: str, rest: str, binds: Sequence[str]) -> None:
    stage = stages[-1]
    match word:
        case "RUN":
            pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
            if _AUTHORITIES.exists():
                pip["PIP_CERT"] = "/etc/authorities.crt"
            own = Stage(stage.path, environment={**stage.environment, **pip}, folder=stage.folder, user="0:0")
            subprocess.run(run_in(own, ["/bin/sh", "-c", rest], binds), check=True)
        case "COPY":
            _copy(stages, rest)
        case "ENV":
            name, _, value = rest.partition("=")
            stage.environment[name] = value
        case "WORKDIR":
            stage.folder = rest
            (stage.path / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case "HEALTHCHECK":
            stage.healthcheck = json.loads(re.sub(r"^.*?CMD ", "", rest))
        case "VOLUME" | "EXPOSE" | "STOPSIGNAL":
            pass
        case _:
            raise ValueError(f"{word} is not known here")


def _copy(stages: list[Stage], rest: str) -> None:
    *options, source, target = rest.split()
    place = stages[-1].path / target.lstrip("/")
    if options:
        [name] = [option.removeprefix("--from=") for option in options]
        [origin] = [stage for stage in stages if stage.name == name]
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{origin.path}{source}", str(place)], check=True)
    else:
        shutil.copytree(ROOT / source, place, ignore=_NOT_COPIED)
