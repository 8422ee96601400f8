"""Builds the native row decoder into the wheel where a C++ compiler is at hand, and a pure wheel elsewhere.

HEADWATER_MYSQL_NATIVE=require makes a missing compiler an error (for release builds); =no skips the attempt.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = Path("src/headwater_mysql/decode")
LIMITED_API = "0x030B0000"  # CPython 3.11 and everything after it


class NativeDecoderHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        wish = os.environ.get("HEADWATER_MYSQL_NATIVE", "")
        built = None if wish == "no" else self._compile()
        if built is None:
            if wish == "require":
                raise RuntimeError("the native decoder could not be built")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
        if version != "editable":
            build_data["force_include"][str(built)] = f"headwater_mysql/decode/{built.name}"

    def _compile(self) -> Path | None:
        """The built module, beside its source for editable installs; None if it can't be built."""
        if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
            return None
        source = Path(self.root) / PACKAGE / "_native.cpp"
        windows = sys.platform == "win32"
        target = source.with_name("_native.pyd" if windows else "_native.abi3.so")
        command = _windows_command(source, target) if windows else _unix_command(source, target)
        try:
            done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
        except OSError as error:
            self.app.display_warning(f"No C++ compiler ({error}); the numpy decoder will be used.")
            return None
        if done.returncode:
            self.app.display_warning(f"The native decoder was not built:\n{done.stdout}{done.stderr}")
            return None
        return target


def _unix_command(source: Path, target: Path) -> list[str]:
    compiler = shlex.split(os.environ.get("CXX") or "c++")
    flags = shlex.split(os.environ.get("CXXFLAGS", "")) or ["-O3"]
    undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    return [
        *compiler, "-std=c++17", *flags, "-fPIC", "-shared", "-fvisibility=hidden", *undefined,
        f"-DPy_LIMITED_API={LIMITED_API}", f"-I{sysconfig.get_path('include')}",
        str(source), "-o", str(target),
    ]  # fmt: skip


def _windows_command(source: Path, target: Path) -> list[str]:
    libraries = Path(sys.base_prefix) / "libs"
    return [
        "cl", "/nologo", "/std:c++17", "/O2", "/EHsc", "/LD", f"/DPy_LIMITED_API={LIMITED_API}",
        f"/I{sysconfig.get_path('include')}", str(source), f"/Fe{target}", "/link", f"/LIBPATH:{libraries}",
    ]  # fmt: skip
