"""Who calls, and signing a browser in and out."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from burnline.api.access.cookie import COOKIE
from burnline.api.access.principal import Role, Viewer
from burnline.api.problems import Problem

router = APIRouter(tags=["access"])


class Me(BaseModel):
    """Whom the API takes the caller for."""

    subject: Annotated[str, Field(description="As the audit log names it.", examples=["token:7f3a"])]
    role: Role
    orgs: Annotated[
        list[str] | None, Field(description="The only organisations that it sees; null: all.", examples=[["acme"]])
    ]
    may_edit: Annotated[bool, Field(description="Whether it may set rates and baselines, and judge anomalies.")]


@router.get("/me", summary="Who am I, and what may I do?")
async def me(caller: Viewer) -> Me:
    """The caller, by its token, its cookie, or the address it calls from."""
    orgs = None if caller.orgs is None else sorted(caller.orgs)
    return Me(subject=caller.subject, role=caller.role, orgs=orgs, may_edit=caller.role.covers(Role.EDITOR))


@router.post("/me/cookie", summary="Sign a browser in", status_code=204)
async def sign_in(request: Request, _caller: Viewer) -> Response:
    """Keep the bearer token of this request in a cookie that no script can read, until the browser ends.

    The token is checked like that of any request, and again with every request that carries the cookie.
    """
    scheme, _, text = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Problem(422, "header.Authorization: give the token to keep as a bearer token.", kind="invalid-request")
    answer = Response(status_code=204)
    answer.set_cookie(COOKIE, text, path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict")
    return answer


@router.delete("/me/cookie", summary="Sign a browser out", status_code=204)
async def sign_out() -> Response:
    """Forget the cookie."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
