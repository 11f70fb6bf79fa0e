"""The page that explains the API: Swagger UI over the OpenAPI document, from this process alone.

FastAPI's own page has the browser fetch Swagger UI from a network of others, which machines without a way out do not
reach. Here it comes out of the `fastapi-offline` wheel, of which nothing but these files is used.
"""

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

DOCS_PATH = "/docs"
_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
DOCS_PATHS = frozenset({DOCS_PATH, *(f"{DOCS_PATH}/{name}" for name in _FILES)})
"""The page and all that it loads, but for the OpenAPI document."""
_KEPT_S = 86_400


def install(app: FastAPI) -> None:
    """Serve the page at `/docs`; build the application without one of its own (`docs_url=None`)."""
    script, style, icon = (f"{DOCS_PATH}/{name}" for name in _FILES)
    page = get_swagger_ui_html(
        openapi_url=app.openapi_url or "",
        title=f"{app.title}: API",
        swagger_js_url=script,
        swagger_css_url=style,
        swagger_favicon_url=icon,
    )

    async def docs() -> HTMLResponse:
        return page

    app.add_api_route(DOCS_PATH, docs, include_in_schema=False, response_model=None)
    for name in _FILES:
        app.add_api_route(f"{DOCS_PATH}/{name}", _file(name), include_in_schema=False, response_model=None)


def _file(name: str) -> Callable[[], Awaitable[FileResponse]]:
    path = _folder() / name

    async def file() -> FileResponse:
        return FileResponse(path, headers={"Cache-Control": f"max-age={_KEPT_S}"})

    return file


def _folder() -> Path:
    spec = find_spec("fastapi_offline")  # found, not imported: its own code is not needed
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("fastapi-offline is not installed")
    return Path(spec.submodule_search_locations[0]) / "static"
