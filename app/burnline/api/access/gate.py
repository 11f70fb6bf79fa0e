"""The gate that every request passes, whatever route it is for: nobody gets further without a principal.

It stands before the router, so a route that forgets to ask who calls is closed all the same.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnline.addresses import is_loopback
from burnline.api.access.authenticator import Authenticator
from burnline.api.access.oidc import oidc_of, signed_in_oidc_of
from burnline.api.access.principal import SCOPE_KEY, Principal
from burnline.api.access.rate import Buckets
from burnline.api.access.token_store import TokenReader
from burnline.api.connections import Seldom
from burnline.api.docs import DOCS_PATHS
from burnline.api.metrics import METRICS_PATH
from burnline.api.problems import Problem, answer
from burnline.api.resources import Resources
from burnline.pages import site
from burnline.readmodel.keys import Control
from burnline.settings import Settings

OPEN_PATHS = frozenset({"/healthz", "/readyz", METRICS_PATH, "/openapi.json", "/asyncapi.json"}) | DOCS_PATHS
"""What anyone may see: probes, counts of requests by route, and what the API is. No data."""
RECHECK_S = 0.5
"""How often it is asked whether the caller of a stream may still listen."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_log = logging.getLogger(__name__)
audit_log = logging.getLogger("burnline.api.audit")
"""A line per request that would change something: who, what, and how it was answered. Never a secret or a body."""


def authenticator_of(settings: Settings, resources: Resources) -> Authenticator:
    """The authenticator that settings ask for."""
    return Authenticator(
        TokenReader(resources.redis, Control(settings.redis_prefix).tokens),
        oidc_of(settings),
        signed_in=signed_in_oidc_of(settings),
        loopback_only=is_loopback(settings.api_host),
        origins=settings.cors_origins,
        now_ms=resources.now_ms,
    )


class Gate:
    """ASGI middleware: authentication, request rate, audit, and the end of streams whose caller may listen no more."""

    def __init__(self, app: ASGIApp, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Stand before `app`; `clock` counts seconds."""
        self._app = app
        self._settings = settings
        self._clock = clock
        self._buckets = Buckets(settings.api_requests_per_s)
        self._refused = Seldom(audit_log.info, self._clock)
        self._resources: Resources | None = None
        self._authenticator: Authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # there are no web sockets here; what comes to be is closed until it is thought of
            return await send({"type": "websocket.close", "code": 1008})
        if scope["path"] in OPEN_PATHS or site.is_open(scope["path"]):
            return await self._open(scope, receive, send)
        try:
            caller = await self._let_in(scope)
        except Problem as problem:
            if scope["method"] not in _SAFE:  # whoever is let in has a name; others could fill the log
                self._refused.say(_attempt("nobody", scope, problem.status))
            return await answer(Request(scope), problem)(scope, receive, send)

        async def still() -> Principal:
            return await self._caller(asked)

        asked = dict(scope)  # as it came, without whom was found behind it
        scope[SCOPE_KEY] = caller
        return await _Passage(self._app, scope, caller, still).run(receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._count(_address(scope))
        except Problem as problem:
            return await answer(Request(scope), problem)(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _let_in(self, scope: Scope) -> Principal:
        # A wrong token costs its sender's address a request, a right one its owner: who guesses behind a shared
        # address takes nothing from the others there.
        try:
            caller = await self._caller(scope)
        except Problem:
            self._count(_address(scope))
            raise
        self._count(caller.subject if caller.subject != "anonymous" else _address(scope))
        return caller

    async def _caller(self, scope: Scope) -> Principal:
        known = scope.get(SCOPE_KEY)  # by whatever this application is mounted in
        return known if isinstance(known, Principal) else await self._authenticator_of(scope).principal(scope)

    def _count(self, caller: str) -> None:
        wait_s = self._buckets.take(caller, self._clock())
        if wait_s:
            detail = f"More than {self._settings.api_requests_per_s} requests per second."
            raise Problem(429, detail, kind="too-many-requests", headers={"Retry-After": str(math.ceil(wait_s))})

    def _authenticator_of(self, scope: Scope) -> Authenticator:
        resources: Resources = scope["app"].state.resources
        if resources is not self._resources:  # another start of the application has another loop and client
            self._authenticator = authenticator_of(self._settings, resources)
            self._resources = resources
        return self._authenticator


class _Passage:
    """One request on its way through."""

    def __init__(self, app: ASGIApp, scope: Scope, caller: Principal, ask: Callable[[], Awaitable[Principal]]) -> None:
        self._app = app
        self._scope = scope
        self._caller = caller
        self._ask = ask
        self._status = 0
        self._watch: asyncio.Task[None] | None = None
        self._shut = False

    async def run(self, receive: Receive, send: Send) -> None:
        this = asyncio.current_task()

        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
                if this is not None and _is_stream(message):
                    self._watch = asyncio.create_task(self._end_when_refused(this))
            await send(message)

        try:
            await self._app(self._scope, receive, watched_send)
        except asyncio.CancelledError:
            if not self._shut or this is None or this.uncancel():
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if self._watch is not None:
                self._watch.cancel()
            _note(self._scope, self._caller, self._status)

    async def _end_when_refused(self, streaming: asyncio.Task[object]) -> None:
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                still = await self._ask()
            except Problem as problem:
                if problem.status == 503:  # not known; the stream goes on as it was let in
                    continue
                still = None
            if still != self._caller:
                _log.info("the stream of %s ends: it is let in no more", self._caller.subject)
                self._shut = True
                streaming.cancel()
                return


def _is_stream(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"]
    )


def _note(scope: Scope, caller: Principal, status: int) -> None:
    if scope["method"] not in _SAFE:
        audit_log.info(_attempt(f"{caller.subject!r} ({caller.role})", scope, status))


def _attempt(who: str, scope: Scope, status: int) -> str:
    what = f"{scope['method']} {scope.get('raw_path', b'').decode('latin-1')!r}"
    return f"{who} from {_address(scope)}: {what}: {status}"


def _address(scope: Scope) -> str:
    """The peer's address; of IPv6 the network, as a caller has a whole one."""
    client = scope.get("client")
    if not client:
        return "unknown"
    try:
        address = ip_address(client[0])
    except ValueError:
        return str(client[0])
    return f"{IPv6Address(int(address) >> 64 << 64)}/64" if isinstance(address, IPv6Address) else str(address)
