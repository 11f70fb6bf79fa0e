"""Signed tokens (JWT) of an OpenID Connect issuer: verified with its published keys, and read into a principal."""

import json
import logging
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

from burnline.api.access.keys import IssuerKeys
from burnline.api.access.roles import Principal, Role
from burnline.settings import Settings

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures by a private key only: with `none` or HS… whoever knows the public key could sign."""
LEEWAY_S = 30
"""How far the issuer's clock may be from this one."""
_LONGEST_SUBJECT = 200

_log = logging.getLogger(__name__)


class JwtRefused(Exception):
    """A token that lets nobody in; the sentence may be told to its bearer.

    Attributes:
        known: Whether the issuer vouches for its bearer, who may nothing here.
    """

    def __init__(self, sentence: str, *, known: bool = False) -> None:
        self.known = known
        super().__init__(sentence)


class Claims(NamedTuple):
    """What to ask of a token, and what to read from it.

    Attributes:
        issuer: Its `iss`.
        audiences: One of these must be its `aud`, or among them.
        role: Claim with the role's name, or with a list of names of which the strongest role counts.
        orgs: Claim with an organisation, or a list of them.
        all_orgs: Value in `orgs` that means every one; None if nothing does.
    """

    issuer: str
    audiences: tuple[str, ...]
    role: str
    orgs: str
    all_orgs: str | None


class Oidc:
    """Verifies tokens of one issuer."""

    def __init__(self, keys: IssuerKeys, claims: Claims, *, clock: Callable[[], float] = time.time) -> None:
        """Check against `keys`; `clock` is the time of day in epoch seconds."""
        self._keys = keys
        self._claims = claims
        self._clock = clock
        self._registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=LEEWAY_S,
            sub={"essential": True},
            exp={"essential": True},
            iss={"essential": True, "value": claims.issuer},
            aud={"essential": True, "values": list(claims.audiences)},
        )

    async def principal(self, text: str) -> Principal:
        """Whom the token lets in.

        Raises:
            JwtRefused: It is not valid, or names no role.
            KeysUnknown: The issuer cannot be asked for its keys.
        """
        return principal_of(await self.claims(text), self._claims)

    async def claims(self, text: str) -> dict[str, Any]:
        """What the token says, verified.

        Raises:
            JwtRefused: It is not valid.
            KeysUnknown: The issuer cannot be asked for its keys.
        """
        alg, kid = _header(text)
        key = await self._keys.find(alg, kid)
        if key is None:
            raise JwtRefused("The JWT is signed with a key that its issuer does not publish.")
        return self._verified(text, key)

    def _verified(self, text: str, key: Key) -> dict[str, Any]:
        try:
            claims = jwt.decode(text, key, registry=_SIGNATURES).claims
            self._registry.validate(claims)
        except ExpiredTokenError as error:
            raise JwtRefused("The JWT has expired.") from error
        except (JoseError, *_NOT_PARSED, *_OTHER_TYPE) as error:
            _log.info("a JWT was refused: %s", error)
            raise JwtRefused("The JWT is not valid here.") from error
        return claims


class _Signatures(JWSRegistry):
    # The library's own list warns at every EdDSA, as RFC 9864 calls it Ed25519; issuers have yet to follow.
    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise JwtRefused(_NO_SUCH_ALGORITHM)
        return self.algorithms[name]


_NOT_PARSED = (ValueError, RecursionError)  # the latter: arrays within arrays, some hundreds deep
_OTHER_TYPE = (TypeError, AttributeError, LookupError)  # the library takes header fields for what they should be
_NO_SUCH_ALGORITHM = "The JWT is signed in a way that is not accepted."
_SIGNATURES = _Signatures(strict_check_header=False)  # RFC 7515: what one does not know in a header is passed over


def _header(text: str) -> tuple[str, str | None]:
    # Before anything is verified, and only to choose the key.
    encoded = text.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except _NOT_PARSED as error:
        raise JwtRefused("The bearer token is no JWT.") from error
    if not isinstance(header, dict):
        raise JwtRefused("The bearer token is no JWT.")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise JwtRefused(_NO_SUCH_ALGORITHM)
    if kid is not None and not isinstance(kid, str):
        raise JwtRefused("The bearer token is no JWT.")
    return alg, kid


def principal_of(claims: dict[str, Any], wanted: Claims) -> Principal:
    """Read verified claims. Without a claim of organisations it sees none: what is forgotten must not open doors.

    Raises:
        JwtRefused: No claim names a role.
    """
    subject = str(claims["sub"])[:_LONGEST_SUBJECT]
    roles = [role for role in Role if role in _texts(_claim(claims, wanted.role))]
    if not roles:
        raise JwtRefused(f"The claim {wanted.role} of the JWT names none of the roles {', '.join(Role)}.", known=True)
    orgs = frozenset(_texts(_claim(claims, wanted.orgs)))
    everything = wanted.all_orgs is not None and wanted.all_orgs in orgs
    return Principal(f"oidc:{subject}", roles[-1], None if everything else orgs)


def _claim(claims: dict[str, Any], name: str) -> object:
    """A claim by its name, or by a path with dots (`realm_access.roles`) where no claim has the whole name."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def oidc_of(settings: Settings) -> Oidc | None:
    """The verifier of bearer tokens that settings ask for; None without an issuer."""
    return None if settings.oidc_audience is None else _verifier(settings, (settings.oidc_audience,))


def signed_in_oidc_of(settings: Settings) -> Oidc | None:
    """The verifier of what a browser's cookie holds: such a bearer token, or the ID token of a sign-in here."""
    audiences = tuple(filter(None, (settings.oidc_audience, settings.oidc_client_id)))
    return _verifier(settings, audiences) if audiences else None


def _verifier(settings: Settings, audiences: tuple[str, ...]) -> Oidc | None:
    if settings.oidc_issuer is None:
        return None
    claims = Claims(
        settings.oidc_issuer,
        audiences,
        settings.oidc_role_claim,
        settings.oidc_orgs_claim,
        settings.oidc_all_orgs_value,
    )
    return Oidc(IssuerKeys(settings.oidc_issuer, settings.oidc_jwks_url), claims)
