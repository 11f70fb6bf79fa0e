"""Signing a browser in at the issuer (OpenID Connect), and out: below `/sign-in`, open to everyone as that page is."""

import logging
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse

from burnline.api.access import attempt as attempts
from burnline.api.access.attempt import Attempt, own_path
from burnline.api.access.code_flow import CodeFlow, SignInFailed
from burnline.api.access.cookie import COOKIE, cookie_token
from burnline.pages.site import SIGN_IN_PATH

_log = logging.getLogger(__name__)
_LONGEST = 2_000

Given = Annotated[str, Query(max_length=_LONGEST)]


class Ways(BaseModel):
    """How one can sign in."""

    issuer: Annotated[str | None, Field(description="Where by OpenID Connect; null where that is not set up.")]


def router_of(flow: CodeFlow | None, redirect_url: str | None) -> APIRouter:
    """The routes of signing in.

    Args:
        flow: The code flow; None where no client is set up, and a token is the only way in.
        redirect_url: Where the issuer sends browsers back to; by the address that they asked if None.
    """
    router = APIRouter(prefix=SIGN_IN_PATH, include_in_schema=False)

    @router.get("/ways")
    async def ways() -> Ways:
        return Ways(issuer=None if flow is None else flow.issuer)

    @router.get("/out")
    async def sign_out(request: Request) -> Response:
        own = request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
        kept = cookie_token(request.scope["headers"]) if own else None
        then = f"{str(request.base_url).rstrip('/')}{SIGN_IN_PATH}"
        there = None if flow is None or kept is None else await flow.end_address(kept, then)
        answer = _to(there or SIGN_IN_PATH)
        if own:  # a page of others signs nobody out
            answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    if flow is None:
        return router

    def back(request: Request) -> str:
        return redirect_url or f"{str(request.base_url).rstrip('/')}{SIGN_IN_PATH}/callback"

    @router.get("/start")
    async def start(request: Request, then: Annotated[str, Query(alias="next", max_length=_LONGEST)] = "/") -> Response:
        begun = Attempt.new(then)
        try:
            answer = _to(await flow.address(begun, back(request)))
        except SignInFailed as failed:
            return _failed(failed, begun.then)
        answer.set_cookie(
            attempts.COOKIE, begun.text(), max_age=attempts.KEPT_S, path=SIGN_IN_PATH,
            secure=_is_secure(request), httponly=True, samesite="lax",  # it has to come back from the issuer's page
        )  # fmt: skip
        return answer

    @router.get("/callback")
    async def callback(
        request: Request, code: Given = "", state: Given = "", error: Given = "", iss: Given | None = None
    ) -> Response:
        begun = Attempt.read(request.cookies.get(attempts.COOKIE))
        try:
            answer = await _finished(flow, request, begun, code, state, error, iss, back(request))
        except SignInFailed as failed:
            answer = _failed(failed, begun.then if begun else "/")
        answer.delete_cookie(attempts.COOKIE, path=SIGN_IN_PATH, httponly=True, samesite="lax")
        return answer

    return router


async def _finished(  # what the issuer sends back, and to whom
    flow: CodeFlow,
    request: Request,
    begun: Attempt | None,
    code: str,
    state: str,
    error: str,
    iss: str | None,
    back: str,
) -> Response:
    if begun is None or not begun.began(state):
        raise SignInFailed("again", "it was not begun in this browser, or too long ago")
    if iss not in (None, flow.issuer):  # RFC 9207
        raise SignInFailed("refused", f"the answer is of {iss!r}")
    if error or not code:
        raise SignInFailed("refused", f"the issuer says {error!r}")
    token, caller = await flow.finish(begun, code, back)
    _log.info("%s (%s) is signed in", caller.subject, caller.role)
    answer = _to(begun.then)
    answer.set_cookie(COOKIE, token, path="/", secure=_is_secure(request), httponly=True, samesite="strict")
    return answer


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _failed(failed: SignInFailed, then: str) -> Response:
    _log.warning("a sign-in failed: %s", failed)
    return _to(f"{SIGN_IN_PATH}?{urlencode({'failed': failed.kind, 'next': own_path(then)})}")


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})
