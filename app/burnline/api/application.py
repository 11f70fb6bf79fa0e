"""The one place that puts the API together: resources, problems, and an explicit list of routers."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse

from burnline import __version__, asyncapi
from burnline.api import docs, metrics, problems
from burnline.api.access.code_flow import code_flow_of
from burnline.api.access.guard import guard
from burnline.api.names import known_names
from burnline.api.resources import Resources
from burnline.api.routes import (
    allocations,
    anomalies,
    anomaly_notes,
    baselines,
    budgets,
    burn_rates,
    charges,
    controls,
    drift,
    emitters,
    events,
    exports,
    health,
    me,
    policies,
    roi,
    seed,
    session_list,
    sessions,
    sign_in,
    stream,
    suggestions,
    telemetry,
    trends,
    valuation_rates,
)
from burnline.api.taking import Taking
from burnline.api.view.catalogue import HeldBook
from burnline.api.view.live import live_view
from burnline.api.view.names_seen import NamesSeen
from burnline.api.view.rollups import RollupCache
from burnline.api.writing import TIMEOUT_S
from burnline.pages import site
from burnline.readmodel.connection import connect
from burnline.settings import Settings

API_PREFIX = "/api/v1/finops"
EVENTS_PREFIX = "/api/v1"
"""Below it stands what takes events; what answers about spending stands below `API_PREFIX`."""

ROUTERS: tuple[APIRouter, ...] = (
    trends.router,
    allocations.router,
    roi.router,
    drift.router,
    burn_rates.router,
    session_list.router,
    sessions.router,
    anomalies.router,
    anomaly_notes.router,
    stream.router,
    valuation_rates.router,
    baselines.router,
    budgets.router,
    controls.router,
    suggestions.router,
    policies.router,
    charges.router,
    emitters.router,
    exports.router,
    me.router,
)
"""Everything below `API_PREFIX`: a router is added here by name, and nowhere else."""

_DESCRIPTION = """Who spends what on AI agents, since when, compared with what, and how sure that is.

Amounts are exact decimal strings in USD. Every answer says up to which event time it holds (`as_of`), how far it is
behind (`lag`), and what could not be priced, with bounds (`unpriced`). Where nothing whole can be answered there is a
503 with its reason, never a wrong number. Errors are problem details (RFC 9457)."""


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def build_api(settings: Settings, *, now_ms: Callable[[], int] = _clock_ms) -> FastAPI:
    """The application, unstarted: its lifespan opens and closes the client of Redis.

    Args:
        settings: The settings in force.
        now_ms: The wall clock, epoch milliseconds.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with connect(settings, only_reads=True) as redis:
            app.state.resources = Resources(settings, redis, now_ms, RollupCache(), NamesSeen(), HeldBook())
            app.state.taking = Taking(settings, timeout_s=TIMEOUT_S)
            async with live_view(app.state.resources) as app.state.live:
                yield
            app.state.taking.close()

    app = FastAPI(
        title="Burnline",
        version=__version__,
        summary="Watch what AI agents spend while they spend it.",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    docs.install(app)
    site.install(app)
    app.include_router(sign_in.router_of(code_flow_of(settings), settings.oidc_redirect_url))
    app.add_api_route(asyncapi.PATH, _asyncapi(settings), include_in_schema=False, response_model=None)
    checked = [Depends(known_names)]
    app.include_router(health.router, dependencies=checked)
    app.include_router(telemetry.router, dependencies=checked)
    seeds = [(seed.router, seed.SEED_PREFIX)] if settings.seed_api == "true" else []
    for router, prefix in (*((router, API_PREFIX) for router in ROUTERS), (events.router, EVENTS_PREFIX), *seeds):
        app.include_router(
            router, prefix=prefix, dependencies=checked, responses=problems.responses(400, 401, 403, 422, 429, 503)
        )
    _describe_problems(app)
    guard(app, settings)
    metrics.install(app, API_PREFIX)
    return app


def _asyncapi(settings: Settings) -> Callable[[], Awaitable[JSONResponse]]:
    answer = JSONResponse(asyncapi.document(settings))  # the same for everyone, as long as the process lives

    async def found() -> JSONResponse:
        return answer

    return found


def _describe_problems(app: FastAPI) -> None:
    """Add to the OpenAPI document the schemas that its problems refer to, in place of FastAPI's own."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= problems.schemas()
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
