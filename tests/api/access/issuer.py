"""An OpenID Connect issuer of the tests' own: real keys, served over HTTP on loopback, and tokens signed with them."""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

AUDIENCE = "burnline"
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS: dict[str, Key] = {
    "RS256": RSA,
    "PS512": RSA,
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "okp"}),
}
"""A key for each kind of signature."""


class Everything(JWSRegistry):
    """Signs in any way there is, forbidden ones too."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


class Issuer:
    """What it publishes, and how often it was asked.

    Attributes:
        keys: The JWKS's keys, as JSON.
        answers: Status and body to give for a path, in place of the real ones.
        asked: Paths in order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[Any] = [key.as_dict(private=False) for key in {id(key): key for key in KEYS.values()}.values()]
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/jwks":
            return 200, json.dumps({"keys": self.keys}).encode()
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}).encode()
        return 404, b""

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token; None leaves one out."""
        now = int(time.time())
        own = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "exp": now + 300, "iat": now, "burnline_role": "viewer"}
        return {name: value for name, value in (own | changes).items() if value is not None}

    def token(
        self, alg: str = "RS256", key: Key | None = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A signed token."""
        key = key or KEYS[alg]
        head = {"alg": alg, "kid": key.kid} if header is None else header
        return jwt.encode(head, self.claims(**claims), key, registry=Everything(strict_check_header=False))

    def signed(self, payload: str) -> str:
        """A good signature over whatever stands in place of the claims."""
        return jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, payload, RSA)


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token as no sane library makes it: unsigned, or signed with whatever is taken for a shared secret."""
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(secret, signed, "sha256") if secret is not None else b""
    return (signed + b"." + _base64(signature)).decode()


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer on a free port."""

    class Handler(BaseHTTPRequestHandler):
        """Answers as the issuer says."""

        def do_GET(self) -> None:
            status, body = issuer.answer(self.path)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield issuer
        server.shutdown()
