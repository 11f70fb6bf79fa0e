"""Signing in at an OpenID Connect issuer by the authorization code flow (OpenID Connect Core 1.0, 3.1) with PKCE.

What comes of it is the ID token, which the browser keeps in the cookie that a bearer token would be in: it is verified
again with every request, gives the roles that its claims say, and ends when it says.
"""

import hmac
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from pydantic import SecretStr

from burnline.api.access.attempt import Attempt, with_query
from burnline.api.access.discovery import ISSUER_ERRORS, address_in, asking, discover, json_object
from burnline.api.access.keys import KeysUnknown
from burnline.api.access.oidc import JwtRefused, Oidc, signed_in_oidc_of
from burnline.api.access.principal import Principal
from burnline.settings import Settings

FRESH_S = 300.0
"""The discovery document is asked for again when it is older, in seconds."""
LONGEST_TOKEN = 3_800
"""Browsers keep cookies of 4,096 bytes with their name and attributes."""


class SignInFailed(Exception):
    """Nobody is signed in.

    Attributes:
        kind: What the sign-in page says of it: `again`, `away`, `refused`, `role` or `size`.
    """

    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        super().__init__(why)


class Client(NamedTuple):
    """What the dashboard is to the issuer.

    Attributes:
        issuer: As its discovery document names it.
        client_id: As the issuer knows the dashboard.
        secret: None for a public client.
        scopes: What a sign-in asks for, by spaces.
    """

    issuer: str
    client_id: str
    secret: SecretStr | None
    scopes: str


class CodeFlow:
    """The dashboard as a client of one issuer. Belongs to one event loop."""

    def __init__(self, client: Client, oidc: Oidc, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Sign in as `client`; `oidc` verifies what the issuer signs, `clock` counts seconds."""
        self._issuer, self._client_id, self._secret, self._scopes = client
        self._oidc = oidc
        self._clock = clock
        self._document: dict[str, Any] = {}
        self._fetched_at = float("-inf")

    @property
    def issuer(self) -> str:
        """Whom it signs in at."""
        return self._issuer

    async def address(self, attempt: Attempt, redirect_url: str) -> str:
        """Where to send a browser that wants to sign in.

        Raises:
            SignInFailed: The issuer does not say where.
        """
        try:
            endpoint = await self._endpoint("authorization_endpoint")
        except ISSUER_ERRORS as error:
            raise SignInFailed("away", str(error) or type(error).__name__) from error
        return attempt.address(endpoint, self._client_id, self._scopes, redirect_url)

    async def end_address(self, id_token: str | None, then: str) -> str | None:
        """Where to send a browser that signed out here, so that it is signed out there too; None if nowhere."""
        try:
            endpoint = await self._endpoint("end_session_endpoint")
        except ISSUER_ERRORS:  # it need not have one, and who signs out must not be kept by an issuer that is away
            return None
        hint = {} if id_token is None else {"id_token_hint": id_token}
        return with_query(endpoint, client_id=self._client_id, post_logout_redirect_uri=then, **hint)

    async def finish(self, attempt: Attempt, code: str, redirect_url: str) -> tuple[str, Principal]:
        """The ID token for a code, and whom it lets in.

        Raises:
            SignInFailed: There is none, or it lets nobody in.
        """
        try:
            answer = await self._exchange(attempt, code, redirect_url)
        except ISSUER_ERRORS as error:
            raise SignInFailed("away", f"the code is not taken: {str(error) or type(error).__name__}") from error
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("refused", "the issuer gave no ID token")
        if len(token) > LONGEST_TOKEN:
            raise SignInFailed("size", f"the ID token has {len(token)} bytes, a cookie holds {LONGEST_TOKEN}")
        try:
            self._judge(attempt, await self._oidc.claims(token))
            return token, await self._oidc.principal(token)
        except KeysUnknown as error:
            raise SignInFailed("away", str(error)) from error
        except JwtRefused as error:
            raise SignInFailed("role" if error.known else "refused", str(error)) from error

    def _judge(self, attempt: Attempt, claims: dict[str, Any]) -> None:
        """Whether the token was made for this client and this attempt (3.1.3.7)."""
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if self._client_id not in audiences or claims.get("azp", self._client_id) != self._client_id:
            raise SignInFailed("refused", "the ID token is for another client")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), attempt.nonce.encode()):
            raise SignInFailed("refused", "the ID token is of another sign-in")

    async def _exchange(self, attempt: Attempt, code: str, redirect_url: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_url,
            "code_verifier": attempt.verifier,
        }
        headers = {}
        if self._secret is None:
            form["client_id"] = self._client_id
        else:  # RFC 6749, 2.3.1: both are form-encoded before they go into the header
            whole = f"{quote_plus(self._client_id)}:{quote_plus(self._secret.get_secret_value())}"
            headers["Authorization"] = f"Basic {b64encode(whole.encode()).decode()}"
        endpoint = await self._endpoint("token_endpoint")
        async with (
            asking() as session,
            session.post(endpoint, data=form, headers=headers, allow_redirects=False) as answer,
        ):
            return await json_object(answer, endpoint)

    async def _endpoint(self, name: str) -> str:
        if self._clock() - self._fetched_at >= FRESH_S:
            async with asking() as session:
                self._document = await discover(session, self._issuer)
            self._fetched_at = self._clock()
        return address_in(self._document, self._issuer, name)


def code_flow_of(settings: Settings) -> CodeFlow | None:
    """The sign-in that settings ask for; None without a client at the issuer."""
    oidc = signed_in_oidc_of(settings)
    if oidc is None or settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    client = Client(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_scopes)
    return CodeFlow(client, oidc)
