"""Which C sources a kernel is built from, as a digest that it says itself: one of other sources is told apart.

`hatch_build.py` runs this file by its path, before there is a package to import; so it needs nothing but Python.
"""

import hashlib
from pathlib import Path

FOLDER = Path(__file__).with_name("src")


def digest(folder: Path = FOLDER) -> str | None:
    """Of the names and texts of all sources, 16 hexadecimal digits; None where there are none."""
    files = sorted(folder.glob("*.[ch]"))
    if not files:
        return None
    found = hashlib.sha256()
    for file in files:
        found.update(file.name.encode() + b"\n" + file.read_bytes())
    return found.hexdigest()[:16]
