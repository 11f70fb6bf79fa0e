"""The page of threats names what was tried by tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = sorted(
    set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", (ROOT / "docs/threats.md").read_text(encoding="utf-8")))
)


def test_there_are_some() -> None:
    assert len(NAMED) > 20


@pytest.mark.parametrize("named", NAMED)
def test_it_is_there(named: str) -> None:
    path, _, test = named.partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    assert not test or f"def {test}(" in source
