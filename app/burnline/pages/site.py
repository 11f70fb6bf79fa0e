"""The pages and their files: which there are, and how they are served."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

STATIC_PATH = "/static"
SIGN_IN_PATH = "/sign-in"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""What a page may load: its own scripts, styles, pictures and answers, from here and nowhere else."""
_KEPT_S = 31_536_000
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page: where it is, what it is called, and the script that draws it."""

    path: str
    title: str
    script: str
    link: str = ""
    """What the navigation calls it; empty for a page that is reached from others."""


PAGES: tuple[Page, ...] = (
    Page("/", "Now", "now", "Now"),
    Page("/sessions", "Sessions", "sessions", "Sessions"),
    Page("/sessions/{session_id:path}", "Session", "session"),
    Page("/anomalies", "Anomalies", "anomalies", "Anomalies"),
    Page("/anomalies/{anomaly_id}", "Anomaly", "anomaly"),
    Page("/charges/{partition}/{offset}", "One event", "charge"),
    Page("/trends", "Trends", "trends", "Trends"),
    Page("/budgets", "Budgets", "budgets", "Budgets"),
    Page("/prices", "Prices", "prices", "Prices"),
    Page("/baselines", "Baselines", "baselines", "Baselines"),
    Page("/policies", "Policies", "policies", "Policies"),
    Page(SIGN_IN_PATH, "Sign in", "sign-in"),
)
"""A page is added here, and nowhere else; its script is `static/<script>.js`."""


def _static() -> dict[str, bytes]:
    """Every file below `static`, by its path."""
    found: dict[str, bytes] = {}
    folders = [(PurePosixPath(), files("burnline.pages") / "static")]
    while folders:
        path, folder = folders.pop()
        for entry in folder.iterdir():
            if entry.is_dir():
                folders.append((path / entry.name, entry))
            else:
                found[str(path / entry.name)] = entry.read_bytes()
    return found


STATIC = _static()
VERSION = hashlib.sha256(b"".join(STATIC[name] for name in sorted(STATIC))).hexdigest()[:16]
"""In the address of every file, so that a browser keeps a file for good and never shows that of another version."""


def is_open(path: str) -> bool:
    """Whether a request's path is one of a page or of a file of theirs: what anyone may see, as there is no data in."""
    first = path.partition("/")[2].partition("/")[0]
    return first in _OPEN


_OPEN = frozenset(page.path.partition("/")[2].partition("/")[0] for page in PAGES) | {STATIC_PATH[1:]}


def install(app: FastAPI) -> None:
    """Serve the pages and their files."""
    templates = Environment(
        loader=PackageLoader("burnline.pages"), autoescape=select_autoescape(default=True), undefined=StrictUndefined
    )
    frame = templates.get_template("page.html")
    for page in PAGES:
        text = frame.render(page=page, links=[each for each in PAGES if each.link], files=f"{STATIC_PATH}/{VERSION}")
        app.add_api_route(page.path, _page(text), include_in_schema=False, response_model=None, methods=["GET"])
    app.add_api_route(
        f"{STATIC_PATH}/{{version}}/{{name:path}}", _file, include_in_schema=False, response_model=None, methods=["GET"]
    )


def _page(text: str) -> Callable[[], Awaitable[Response]]:
    async def page() -> Response:
        return HTMLResponse(text, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"})

    return page


async def _file(version: str, name: str) -> Response:
    content = STATIC.get(name)
    if content is None:
        return Response(status_code=404)
    kept = f"public, max-age={_KEPT_S}, immutable" if version == VERSION else "no-store"
    media_type = _TYPES.get(PurePosixPath(name).suffix, "text/plain")
    return Response(content, media_type=media_type, headers={"Cache-Control": kept})
