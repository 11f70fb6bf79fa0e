"""An attempt of a browser to sign in at the issuer, from when it is sent there until it comes back.

It is kept in a cookie of that browser and nowhere else: so any process of the API can take it up, and nobody can end
what another browser began (RFC 9700, 4.7). Its secrets are of use once, with the code that the issuer gives to it.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

COOKIE = "burnline_sign_in"
KEPT_S = 600
"""How long one may take to sign in at the issuer, in seconds."""
_SECRET_BYTES = 32


class Attempt(NamedTuple):
    """One attempt.

    Attributes:
        state: Comes back with the code: that this browser asked for it.
        nonce: Comes back in the ID token: that it was made for this attempt.
        verifier: Goes with the code to the issuer, which has its hash (PKCE, RFC 7636).
        then: The path of the page to go to.
    """

    state: str
    nonce: str
    verifier: str
    then: str

    @classmethod
    def new(cls, then: str) -> "Attempt":
        """One with fresh secrets."""
        state, nonce, verifier = (secrets.token_urlsafe(_SECRET_BYTES) for _ in range(3))
        return cls(state, nonce, verifier, own_path(then))

    @classmethod
    def read(cls, text: str | None) -> "Attempt | None":
        """From the text of a cookie; None if it holds none."""
        try:
            fields = json.loads(urlsafe_b64decode(text or ""))
        except (ValueError, RecursionError):
            return None
        match fields:
            case [str(state), str(nonce), str(verifier), str(then)]:
                return cls(state, nonce, verifier, own_path(then))
        return None

    def text(self) -> str:
        """As a cookie keeps it."""
        return urlsafe_b64encode(json.dumps(self).encode()).decode()

    def began(self, state: str) -> bool:
        """Whether it is the one that `state` was given out for."""
        return hmac.compare_digest(self.state.encode(), state.encode())

    def address(self, endpoint: str, client_id: str, scopes: str, redirect_url: str) -> str:
        """Where the browser is sent to: the issuer's authorization endpoint, with the question."""
        challenge = urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        return with_query(
            endpoint,
            response_type="code",
            client_id=client_id,
            redirect_uri=redirect_url,
            scope=scopes,
            state=self.state,
            nonce=self.nonce,
            code_challenge=challenge,
            code_challenge_method="S256",
        )


def with_query(url: str, **parameters: str) -> str:
    """The address with parameters, after those that it may have already."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(parameters)}"


def own_path(text: str) -> str:
    """A path of this very origin, or `/`: nobody is sent to another host because of a link."""
    if not text.startswith("/") or text.startswith(("//", "/\\")) or any(ord(each) < 33 for each in text):
        return "/"
    return text
