"""Puts all that guards the API before an application."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from burnline.api.access.gate import Gate
from burnline.api.access.headers import SecurityHeaders
from burnline.api.access.limits import INGEST_PATHS, Limits
from burnline.settings import Settings

_CORS_MAX_AGE_S = 600


def guard(app: FastAPI, settings: Settings) -> None:
    """Guard every route of `app`, those included that are added later. `app.state.resources` must be there by then."""
    app.add_middleware(Gate, settings=settings)  # innermost: the last one added is asked first
    app.add_middleware(
        Limits, max_body_bytes=settings.api_max_body_bytes, larger={INGEST_PATHS: settings.api_max_ingest_bytes}
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "PUT", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["Retry-After", "WWW-Authenticate"],
            max_age=_CORS_MAX_AGE_S,
        )
    app.add_middleware(SecurityHeaders)
