"""Bearer tokens: `bl_<id>_<secret>`. What they look like, what is kept of them, and whether one is good. No I/O.

Only a SHA-256 of the secret is kept. A slow hash (argon2, scrypt) is for secrets that people think up: it makes each of
few likely guesses dear. This secret is 256 random bits, so there are no likely guesses, and one round of SHA-256 is as
far out of reach as the secret itself; a slow one would only make every request dear, and so the API easy to stall.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from burnline.api.access.roles import Principal, Role
from burnline.events.contract import Id

PREFIX = "bl_"
_ID_BYTES = 6
_SECRET_BYTES = 32
_SHAPE = re.compile(r"bl_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


class TokenRecord(BaseModel):
    """What is kept of a token, as JSON in a Redis hash by its id. Times are Unix epoch milliseconds.

    Attributes:
        id: The token's public half; may be shown and logged.
        name: Whose it is, for people.
        sha256: Of the secret half, in hex.
        role: What it may do.
        orgs: The only organisations that it sees; None for all.
        created_at: When it was made.
        expires_at: From when on it is refused; None for never.
        revoked_at: When it was revoked; None if it was not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Id
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    role: Role
    orgs: frozenset[Id] | None
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    @field_serializer("orgs")
    def _in_order(self, orgs: frozenset[str] | None) -> list[str] | None:
        return None if orgs is None else sorted(orgs)

    def state(self, now_ms: int) -> str:
        """`revoked`, `expired` or `active`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now_ms >= self.expires_at else "active"

    def principal(self) -> Principal:
        """Whom it lets in."""
        return Principal(f"token:{self.id}", self.role, self.orgs)


class Refusal(StrEnum):
    """Why a token is not good. `UNKNOWN` does not say whether its id or its secret is wrong."""

    UNKNOWN = "The bearer token is unknown."
    EXPIRED = "The bearer token has expired."
    REVOKED = "The bearer token was revoked."


def mint(
    name: str, role: Role, orgs: frozenset[str] | None, *, now_ms: int, expires_at: int | None
) -> tuple[str, TokenRecord]:
    """A new token: its text, which is to be shown once and kept nowhere, and its record.

    Raises:
        ValidationError: The name or an organisation is empty, too long, or has control characters.
    """
    token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    record = TokenRecord(
        id=token_id,
        name=name,
        sha256=_digest(secret),
        role=role,
        orgs=orgs,
        created_at=now_ms,
        expires_at=expires_at,
    )
    return f"{PREFIX}{token_id}_{secret}", record


_NOBODY = TokenRecord(
    id="0" * 12, name="nobody", sha256="0" * 64, role=Role.VIEWER, orgs=frozenset(), created_at=0, revoked_at=0
)


def judge(text: str, records: Mapping[str, TokenRecord], now_ms: int) -> TokenRecord | Refusal:
    """The record of a good token, or why it is none.

    An unknown id is held against a record of nobody, so that it takes the same steps, and so the same time, as a known
    id with a wrong secret: neither the answer nor its time says which ids there are.
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return Refusal.UNKNOWN
    token_id, secret = shape.groups()
    record = records.get(token_id, _NOBODY)
    same = hmac.compare_digest(_digest(secret), record.sha256)
    if not same or record is _NOBODY:
        return Refusal.UNKNOWN
    match record.state(now_ms):
        case "revoked":
            return Refusal.REVOKED
        case "expired":
            return Refusal.EXPIRED
    return record


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
