"""A real Chromium, and the demo whose pages it shows."""

import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

from tests.demo.processes import DemoProcess, demo

END_WITHIN_S = 30.0
ANSWERS_WITHIN_S = 60.0
SHOWS_WITHIN_MS = 30_000
SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"
"""Kept after the tests, for people to look at."""


def chromium_path() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with this folder's tests: as long as Playwright lives, its event loop runs in the main thread."""
    path = chromium_path()
    assert path is not None, "no chromium on the PATH: install Debian's package chromium"
    expect.set_options(timeout=SHOWS_WITHIN_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DemoProcess, str]]:
    """The demo, and the address that it prints of its dashboard."""
    with demo(folder=tmp_path_factory.mktemp("demo")) as run:
        address = run.wait_for_line("dashboard: http").split()[-1].rstrip("/")
        run.wait_for_line("^00:0")
        yield run, address
        run.interrupt(signal.SIGINT)
        assert run.end(END_WITHIN_S) == 0, run.output


def wait_until_it_listens(address: str) -> None:
    """Return once the API at this address answers at all."""
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while True:
        try:
            with urlopen(f"{address}/healthz", timeout=ANSWERS_WITHIN_S):  # noqa: S310  # of this test
                return
        except URLError:
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.05)


@dataclass
class Watched:
    """A page, and what a person would call its faults."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._note)
        self.page.on("response", self._judge)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type}: {message.text}")

    def _note(self, request: Request) -> None:
        self.requested.append(request.url)

    def _judge(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> Page:
        """Go there, and wait until something is drawn."""
        self.page.goto(self.base + path)
        self.page.wait_for_selector("#content > *")
        return self.page

    def keep(self, name: str) -> None:
        """Keep a picture of it."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    @property
    def strangers(self) -> list[str]:
        """Requests that left for another host."""
        return [url for url in self.requested if not url.startswith((self.base, "data:", "blob:"))]


@pytest.fixture
def watched(browser: Browser, running: tuple[DemoProcess, str]) -> Iterator[Watched]:
    """A fresh page of a fresh visitor; nothing may go wrong on it."""
    context = browser.new_context(viewport={"width": 1240, "height": 900}, timezone_id="UTC")
    found = Watched(context.new_page(), running[1])
    yield found
    context.close()
    assert found.faults == []
    assert found.strangers == []
