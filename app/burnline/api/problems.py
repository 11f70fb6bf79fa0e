"""Every error is an answer of RFC 9457 (problem details), whatever raised it.

`type` is a URN below `urn:burnline:problem:` where Burnline has something to say beyond the status, else `about:blank`.
Nothing of an unexpected exception reaches the caller: it is logged under the request's path.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from burnline.readmodel.checked import NotWhole
from burnline.readmodel.rows import UnreadableRow

MEDIA_TYPE = "application/problem+json"
URN = "urn:burnline:problem:"
RETRY_AFTER_S = 2
"""How soon a caller may ask again after a 503."""
_SHOWN = 200

_log = logging.getLogger(__name__)


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(title="Mistake")

    where: str = Field(description="Part of the request and name within it.", examples=["query.days"])
    detail: str = Field(description="What is wrong.", examples=["Input should be less than or equal to 90"])


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(title="ProblemDetails")

    type: str = Field(description="What kind of problem this is.", examples=[URN + "projection-missing"])
    title: str = Field(description="The kind in words.", examples=["Service Unavailable"])
    status: int = Field(description="The HTTP status.", examples=[503])
    detail: str = Field(description="What happened this time.", examples=["The projection is being built."])
    instance: str = Field(description="The path that was asked for.", examples=["/api/v1/finops/trends"])
    errors: list[Mistake] | None = Field(None, description="All mistakes of a request that was not understood.")


class Problem(Exception):
    """Raised by a route to answer with a problem.

    Args:
        status: HTTP status, 400 to 599.
        detail: A sentence for whoever called.
        kind: Slug behind `urn:burnline:problem:`; without one the type is `about:blank`.
        headers: For the answer; a 503 gets a Retry-After by itself.
        errors: Single mistakes, when there are several.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: list[Mistake] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})
        self.errors = errors
        super().__init__(detail)


def unavailable(detail: str, kind: str) -> Problem:
    """A 503 with its reason, to be asked again soon."""
    return Problem(503, detail, kind=kind, headers={"Retry-After": str(RETRY_AFTER_S)})


def not_whole(error: NotWhole) -> Problem:
    """The 503 for a projection that has lost something, or cannot stand in this Redis."""
    return unavailable(str(error), "redis-drops-keys" if error.unfit else "projection-incomplete")


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The problem as a response."""
    details = ProblemDetails(
        type=URN + problem.kind if problem.kind else "about:blank",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        instance=request.url.path,
        errors=problem.errors,
    )
    body = details.model_dump(exclude_none=True)
    return JSONResponse(body, status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route (or a router) documents of its problems: `responses=responses(404, 409)`."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status in statuses
    }


def schemas() -> dict[str, Any]:
    """The components of an OpenAPI document that `responses` refer to."""
    template = "#/components/schemas/{model}"
    _, found = models_json_schema([(ProblemDetails, "serialization")], ref_template=template)
    return dict(found["$defs"])


def install(app: FastAPI) -> None:
    """Make every error of this application a problem."""

    @app.exception_handler(Problem)
    async def _own(request: Request, problem: Problem) -> JSONResponse:
        return answer(request, problem)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return answer(request, Problem(error.status_code, str(error.detail), headers=error.headers))

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_mistake(item) for item in error.errors()]
        detail = "; ".join(f"{mistake.where}: {mistake.detail}" for mistake in errors)
        return answer(request, Problem(422, detail, kind="invalid-request", errors=errors))

    @app.exception_handler(RedisError)
    async def _redis(request: Request, error: RedisError) -> JSONResponse:
        _log.warning("%s: Redis: %s", request.url.path, error)
        return answer(request, unavailable("Redis cannot be read; nothing is answered from memory.", "redis-away"))

    @app.exception_handler(NotWhole)
    async def _not_whole(request: Request, error: NotWhole) -> JSONResponse:
        _log.error("%s: %s", request.url.path, error)
        return answer(request, not_whole(error))

    @app.exception_handler(UnreadableRow)
    async def _damaged(request: Request, error: UnreadableRow) -> JSONResponse:
        _log.error("%s: the projection is damaged: %s", request.url.path, error)
        detail = "The projection is damaged; `burnline projector --rebuild` builds it anew."
        return answer(request, unavailable(detail, "projection-damaged"))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(request, Problem(500, "Burnline failed at this; its log says why."))


def _mistake(item: Mapping[str, Any]) -> Mistake:
    where = ".".join(str(part) for part in item["loc"])
    return Mistake(where=where[:_SHOWN], detail=str(item["msg"]).removeprefix("Value error, "))
