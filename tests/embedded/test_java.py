"""Which Java is taken, and what is said where there is none."""

import sys
from pathlib import Path

import pytest

from burnline.embedded import java
from burnline.embedded.java import JavaUnavailable, java_program, java_version


@pytest.mark.parametrize(
    ("said", "version"),
    [
        pytest.param('openjdk version "17.0.15" 2025-04-15', 17, id="17"),
        pytest.param('java version "1.8.0_442"', 8, id="8, as it was called"),
        pytest.param('openjdk version "25" 2025-09-16', 25, id="the first of 25"),
        pytest.param("no such program", 0, id="none"),
    ],
)
def test_a_version_is_read(said: str, version: int) -> None:
    assert java_version(said) == version


def test_the_wheels_own_goes_before_the_machines() -> None:
    assert Path(sys.prefix) in java_program().parents


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        pytest.param('version "17.0.1"', None, id="new enough"),
        pytest.param('version "11.0.2"', "java is 11: pip install 'burnline[up]' brings one", id="too old"),
        pytest.param("", "java is none", id="one that says nothing"),
        pytest.param(None, "there is none: pip install 'burnline[up]' brings one", id="none"),
    ],
)
def test_without_the_wheel_the_machines_own_has_to_be_new_enough(
    said: str | None, refused: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    if said is not None:
        program = tmp_path / "java"
        program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
        program.chmod(0o755)
    if refused is None:
        assert java_program() == tmp_path / "java"
    else:
        with pytest.raises(JavaUnavailable) as caught:
            java_program()
        assert refused in str(caught.value)
