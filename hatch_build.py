"""Compile the two scans when the package is built, where there is a C compiler; without one NumPy does the same."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("src/wayseal/match")


NAMES = ("signscan", "dotscan")


class ScanHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own annotation needs its configuration type
    """Builds `_signscan.so` and `_dotscan.so` beside their sources, for installs in place and for wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Compile; say so on stderr and go on without what fails."""
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        for name in NAMES:
            target = Path(self.root) / FOLDER / f"_{name}.so"
            source = target.with_name(f"{name}.c")
            if compiler is None or not compile_source(compiler, source, target):
                print(f"wayseal: {name} is not compiled; NumPy does the same, more slowly", file=sys.stderr)  # noqa: T201
                continue
            build_data["artifacts"].append(str(FOLDER / target.name))
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def compile_source(compiler: str, source: Path, target: Path) -> bool:
    """Compile into a new file and put it in place whole. Returns whether that worked."""
    fresh = target.with_suffix(".tmp")
    command = [
        compiler,
        "-O3",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fPIC",
        "-shared",
        "-o",
        str(fresh),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        fresh.unlink(missing_ok=True)
        return False
    fresh.replace(target)
    return True
