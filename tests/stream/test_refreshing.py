"""The catalogue is renewed from a list, unless something about that looks wrong."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from burnline.kafka import client_config
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.listed import written_providers
from burnline.pricing.snapshot import MAX_BYTES
from burnline.settings import Settings
from burnline.stream.refreshing import Outcome, fetched, is_url, refresh
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.shelf import read_shelf

NOW_MS = 1_795_845_077_002
DOCUMENT = written_providers(Catalogue.bundled().contents.providers)


def document(**input_usd: float) -> bytes:
    """Today's list, plain input of some of OpenAI's models at other prices."""
    found = json.loads(json.dumps(DOCUMENT, default=float))
    for model in next(each for each in found if each["id"] == "openai")["models"]:
        if (usd := input_usd.get(model["id"].replace("-", "_"))) is not None:
            model["prices"] = {"input_mtok": usd, "output_mtok": 10}
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("source", "url"),
    [("https://a/b.json", True), ("http://a", True), ("/data/list.json", False), ("file:///etc/passwd", False)],
)
def test_what_is_fetched_over_http(source: str, url: bool) -> None:  # noqa: FBT001
    assert is_url(source) is url


class Lists(BaseHTTPRequestHandler):
    """An address with one list."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/data.json" else 404)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Lists)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_list_of_an_address_is_of_now(address: str) -> None:
    assert fetched(f"{address}/data.json", NOW_MS) == (b"[]", NOW_MS)
    with pytest.raises(OSError, match="404"):
        fetched(f"{address}/other.json", NOW_MS)


def test_a_list_of_a_file_is_as_old_as_the_file(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_bytes(b"[]")
    assert fetched(str(file), NOW_MS * 2).as_of_ms == file.stat().st_mtime_ns // 1_000_000
    assert fetched(str(file), 5).as_of_ms == 5  # a clock that is ahead makes no list of tomorrow


def test_what_is_larger_than_any_list_is_none(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    with file.open("wb") as sparse:
        sparse.truncate(MAX_BYTES + 1)
    with pytest.raises(OSError, match="more than"):
        fetched(str(file), NOW_MS)


def test_from_day_to_day(settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ensure_topics(settings)
    file = tmp_path / "data.json"

    def day(number: int, content: bytes) -> Outcome:
        file.write_bytes(content)
        return refresh(settings, str(file), NOW_MS + number)

    def in_force() -> tuple[str, int]:
        shelf = read_shelf(client_config(settings), topics_for(settings), timeout_s=30)
        assert shelf.in_force is not None
        return shelf.current().version, shelf.in_force.since_ms

    assert day(0, document(gpt_4o=3)) is Outcome.CHANGED
    first, _ = in_force()
    assert day(1, document(gpt_4o=3)) is Outcome.SAME
    assert in_force() == (first, NOW_MS + 1)
    assert day(2, document(gpt_4o=3000)) is Outcome.REFUSED
    assert "openai/gpt-4o: input_usd_per_million_tokens=3000, in force is 3" in caplog.text
    assert day(3, json.dumps(DOCUMENT[:1], default=float).encode()) is Outcome.REFUSED
    assert "models would have no price any more" in caplog.text
    assert day(4, b"<html>") is Outcome.FAILED
    file.unlink()
    assert refresh(settings, str(file), NOW_MS) is Outcome.FAILED
    assert in_force() == (first, NOW_MS + 1)
