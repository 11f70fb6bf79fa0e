"""Builds the kernel (app/burnline/native/src) with the C compiler at hand. Without one it is installed without it.

The compiler is `$CC`, else cc, gcc or clang, else that of the `ziglang` wheel if it is installed
(`pip install ziglang`): nobody has to install a compiler for Burnline to work, it is only faster with one.
"""

import importlib.util
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCES = sorted((ROOT / "app/burnline/native/src").glob("*.c"))
DIGEST = runpy.run_path(str(ROOT / "app/burnline/native/sources.py"))["digest"]
LIBRARY = ROOT / "app/burnline/native/libkernel.so"
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-O3", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden", "-shared")
"""Without contraction floating point is what Python's is, on every processor."""


def compiler() -> list[str] | None:
    """The command of a C compiler, or None."""
    if chosen := os.environ.get("CC"):
        return shlex.split(chosen)
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found]
    return [sys.executable, "-m", "ziglang", "cc"] if importlib.util.find_spec("ziglang") else None


def build_kernel() -> str | None:
    """Build the library; why it could not be, or None."""
    LIBRARY.unlink(missing_ok=True)
    command = compiler()
    if command is None:
        return "no C compiler was found"
    output = ["-o", str(LIBRARY), *map(str, SOURCES), "-lm"]
    done = subprocess.run(  # noqa: S603  # the compiler of whoever installs
        [*command, *FLAGS, f'-DKERNEL_SOURCES="{DIGEST()}"', *output], capture_output=True, text=True, check=False
    )
    return None if done.returncode == 0 else f"{shlex.join(command)} failed:\n{done.stderr}"


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatch calls it for each wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and say so in the wheel's tag: any Python 3, this platform."""
        why_not = build_kernel()
        if why_not is not None:
            self.app.display_warning(f"Burnline is built without its kernel, ledgers are counted in Python: {why_not}")
            return
        build_data["artifacts"].append("app/burnline/native/libkernel.so")
        if version != "editable":
            build_data["pure_python"] = False
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"py3-none-{platform}"


if __name__ == "__main__":
    sys.exit(build_kernel())
