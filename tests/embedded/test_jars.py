"""Apache Kafka's jars: the list is what Maven resolves, and nothing else than what it pins is taken."""

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from burnline.embedded import jars
from burnline.embedded.jars import KAFKA_VERSION, JarsUnavailable, cache_folder, fetch_jars, pinned
from tests.kafka import apache
from tests.kafka.base import KAFKA_VERSION as TESTED_VERSION


def cached_jars(folder: Path) -> None:
    """Lay the jars of the test broker into a folder, as if they had been fetched."""
    folder.mkdir(parents=True)
    for file in apache.fetch_jars().glob("*.jar"):
        (folder / file.name).symlink_to(file)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and keeps silent."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A Maven repository with the one jar `org.example:small:1`; its address."""
    file = tmp_path / "repository/org/example/small/1/small-1.jar"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"small")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "repository")))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def pin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, name: str = "small") -> None:
    """Let the list hold one jar, with this content's hash."""
    listed = tmp_path / "list.txt"
    listed.write_text(f"org.example:{name}:1 {hashlib.sha256(content).hexdigest()}\n")
    monkeypatch.setattr(jars, "_LIST", listed)


@pytest.mark.needs_tool("mvn")
def test_the_list_is_what_maven_resolves() -> None:
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in apache.fetch_jars().glob("*.jar")}
    assert {jar.file: jar.sha256 for jar in pinned()} == found
    assert KAFKA_VERSION == TESTED_VERSION


def test_a_jar_is_fetched_once(
    repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pin(monkeypatch, tmp_path, b"small")
    said: list[str] = []
    for _ in range(2):
        folder = fetch_jars(said.append, repository=repository, cache=tmp_path / "cache")
    assert (folder / "small-1.jar").read_bytes() == b"small"
    assert [line.partition(":")[0] for line in said] == [f"fetching Apache Kafka {KAFKA_VERSION}"]
    assert capsys.readouterr().out == ""


def test_one_that_was_changed_is_fetched_again(
    repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(monkeypatch, tmp_path, b"small")
    folder = fetch_jars(print, repository=repository, cache=tmp_path / "cache")
    (folder / "small-1.jar").write_bytes(b"smaller")
    fetch_jars(print, repository=repository, cache=tmp_path / "cache")
    assert (folder / "small-1.jar").read_bytes() == b"small"


def test_another_one_than_was_pinned_is_refused_and_not_kept(
    repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(monkeypatch, tmp_path, b"as it was")
    with pytest.raises(JarsUnavailable, match=r"small-1\.jar is not the pinned one"):
        fetch_jars(print, repository=repository, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*small*")) == []


def test_one_that_is_not_there_is_named(repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, tmp_path, b"small", name="absent")
    with pytest.raises(JarsUnavailable, match=r"^org\.example:absent:1 cannot be fetched: .*404"):
        fetch_jars(print, repository=repository, cache=tmp_path / "cache")


def test_where_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "burnline"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folder() == Path("/home/me/.cache/burnline")
