"""One `up` for a folder, and logs that do not grow for ever."""

import os
from pathlib import Path

import pytest

from burnline.machine import folder as room
from burnline.machine.folder import FolderInUse, held, log_file, usual_folder


def test_a_second_one_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with held(tmp_path / "data"):
        said = rf"data is in use by the `burnline up` of process {os.getpid()}$"
        with pytest.raises(FolderInUse, match=said), held(tmp_path / "data"):
            pytest.fail("two at once")
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    with held(tmp_path / "data"):
        assert (tmp_path / "data" / "lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize(("size", "set_aside"), [pytest.param(4, False, id="short"), pytest.param(5, True, id="long")])
def test_a_long_log_is_set_aside(
    size: int, *, set_aside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_LOG_MAX_BYTES", 4)
    log_file(tmp_path, "worker").write_bytes(b"x" * size)
    file = log_file(tmp_path, "worker")
    assert file == tmp_path / "logs" / "worker.log"
    assert (file.exists(), file.with_suffix(".log.1").exists()) == (not set_aside, set_aside)


def test_where_data_usually_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert usual_folder() == tmp_path / "burnline"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert usual_folder() == Path("/home/me/.local/share/burnline")
