"""From a request's headers to the principal behind it, or to the problem that it is answered with."""

from collections.abc import Callable, Collection

from starlette.types import Scope

from burnline.api.access.cookie import cookie_token, is_own_page
from burnline.api.access.keys import KeysUnknown
from burnline.api.access.local import is_local
from burnline.api.access.oidc import JwtRefused, Oidc
from burnline.api.access.principal import ANONYMOUS, CHALLENGE, Principal
from burnline.api.access.token_store import TokenReader, Tokens, TokensUnknown
from burnline.api.access.tokens import PREFIX, Refusal, judge
from burnline.api.problems import Problem, unavailable


def unauthenticated(detail: str, *, wrong: bool = False) -> Problem:
    """A 401 with its challenge; `wrong` where a token was given."""
    challenge = f'{CHALLENGE}, error="invalid_token"' if wrong else CHALLENGE
    return Problem(401, detail, kind="unauthenticated", headers={"WWW-Authenticate": challenge})


class Authenticator:
    """Knows who calls. Belongs to one event loop."""

    def __init__(
        self,
        tokens: TokenReader,
        oidc: Oidc | None,
        *,
        signed_in: Oidc | None = None,
        loopback_only: bool,
        origins: Collection[str],
        now_ms: Callable[[], int],
    ) -> None:
        """Ask `tokens` and `oidc`.

        Args:
            tokens: The tokens in force.
            oidc: Verifier of JWTs, if there is an issuer.
            signed_in: The one of JWTs in a cookie, where it takes others too.
            loopback_only: Whether the API listens on this machine only; else nobody is let in without a token.
            origins: Web origins whose pages may call.
            now_ms: The wall clock, epoch milliseconds.
        """
        self._tokens = tokens
        self._oidc = oidc
        self._signed_in = signed_in or oidc
        self._loopback_only = loopback_only
        self._origins = origins
        self._now_ms = now_ms

    async def principal(self, scope: Scope) -> Principal:
        """Who is behind an HTTP request.

        Raises:
            Problem: 401 for nobody, 403 for someone without a role, 503 where that cannot be known now.
        """
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            kept = cookie_token(scope["headers"])
            return await (self._nobody(scope) if kept is None else self._by_cookie(scope, kept))
        scheme, _, text = given[0].decode("latin-1").strip().partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise unauthenticated("Authorization must be one bearer token.", wrong=True)
        return await self._by_text(text, self._oidc)

    async def _by_cookie(self, scope: Scope, text: str) -> Principal:
        if not is_own_page(scope["method"], scope["headers"]):
            raise Problem(403, "A signed-in browser writes from a page of this origin only.", kind="forbidden")
        return await self._by_text(text, self._signed_in)

    async def _by_text(self, text: str, oidc: Oidc | None) -> Principal:
        return await (self._by_token(text) if text.startswith(PREFIX) else self._by_jwt(text, oidc))

    async def _nobody(self, scope: Scope) -> Principal:
        client = scope.get("client")
        local = self._loopback_only and is_local(client[0] if client else None, scope["headers"], self._origins)
        if local and self._oidc is None and not (await self._known_tokens()).any:
            return ANONYMOUS
        raise unauthenticated("This needs a bearer token.")

    async def _by_token(self, text: str) -> Principal:
        found = judge(text, (await self._known_tokens()).records, self._now_ms())
        if isinstance(found, Refusal):
            raise unauthenticated(found.value, wrong=True)
        return found.principal()

    async def _by_jwt(self, text: str, oidc: Oidc | None) -> Principal:
        if oidc is None:
            raise unauthenticated(Refusal.UNKNOWN.value, wrong=True)
        try:
            return await oidc.principal(text)
        except KeysUnknown as error:
            raise unavailable(str(error), "issuer-away") from error
        except JwtRefused as error:
            if error.known:
                raise Problem(403, str(error), kind="no-role") from error
            raise unauthenticated(str(error), wrong=True) from error

    async def _known_tokens(self) -> Tokens:
        try:
            return await self._tokens.current()
        except TokensUnknown as error:
            raise unavailable(str(error), "redis-away") from error
