"""An OpenID Connect issuer of the tests' own: real keys, served over HTTP on loopback, and tokens signed with them."""

import hashlib
import hmac
import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

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
        clients: Secrets of the clients that may have people sign in; None for a public one.
        given: What each code that is out was asked with.
        id_claims: What to change in ID tokens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[Any] = [key.as_dict(private=False) for key in {id(key): key for key in KEYS.values()}.values()]
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.clients: dict[str, str | None] = {"dashboard": None}
        self.given: dict[str, dict[str, str]] = {}
        self.id_claims: dict[str, Any] = {}

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if urlsplit(path).path == "/authorize":
            return 302, self.authorize(query_of(path)).encode()
        if urlsplit(path).path == "/end":
            return 200, b"You are signed out."
        if path == "/jwks":
            return 200, json.dumps({"keys": self.keys}).encode()
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(
                {"issuer": self.url} | {name: self.url + path for name, path in PLACES.items()}
            ).encode()
        return 404, b""

    def authorize(self, asked: dict[str, str]) -> str:
        """Whoever is at the browser is Ada, and agrees: where she is sent back to, with a code."""
        assert asked["response_type"] == "code"
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        assert asked["client_id"] in self.clients
        code = secrets.token_urlsafe()
        self.given[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"

    def exchange(self, form: dict[str, str], basic: tuple[str, str] | None) -> tuple[int, bytes]:
        """The tokens for a code: once, for the client and address that it was given to, by who knows the verifier."""
        asked = self.given.pop(form["code"], None)
        client = form.get("client_id") if basic is None else basic[0]
        if asked is None or client != asked["client_id"] or self.clients[client] != (basic and basic[1]):
            return 400, b'{"error": "invalid_grant"}'
        challenge = _base64(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        if (challenge, form["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            return 400, b'{"error": "invalid_grant"}'
        own = {"aud": client, "nonce": asked["nonce"]} | self.id_claims
        return 200, json.dumps(
            {"token_type": "Bearer", "access_token": "opaque", "id_token": self.token(**own)}
        ).encode()

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


PLACES = {
    "jwks_uri": "/jwks",
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "end_session_endpoint": "/end",
}


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address, each given once."""
    found = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), url
    return {name: values[0] for name, values in found.items()}


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token as no sane library makes it: unsigned, or signed with whatever is taken for a shared secret."""
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(secret, signed, "sha256") if secret is not None else b""
    return (signed + b"." + _base64(signature)).decode()


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


@contextmanager
def issuing(host: str = "127.0.0.1") -> Iterator[Issuer]:
    """An issuer on a free port; `host` is another name of this machine, so that browsers take it for another site."""

    class Handler(BaseHTTPRequestHandler):
        """Answers as the issuer says."""

        def do_GET(self) -> None:
            self._send(*issuer.answer(self.path))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
            scheme, _, text = self.headers.get("Authorization", "").partition(" ")
            name, _, secret = b64decode(text).decode().partition(":")
            issuer.asked.append(self.path)
            basic = (unquote_plus(name), unquote_plus(secret)) if scheme == "Basic" else None
            self._send(
                *issuer.answers.get(self.path) or issuer.exchange({key: one[0] for key, one in form.items()}, basic)
            )

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://{host}:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield issuer
        server.shutdown()
