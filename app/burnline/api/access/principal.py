"""Who is behind a request, and the dependencies by which routes ask for a role.

A route takes one of `Viewer`, `Editor` and `Admin` and gets the caller; a caller without the role gets 403 (problem
details). A route that answers with data of organisations holds it against `Principal.orgs`: `None` is every
organisation, an empty set is none.
"""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from burnline.api.access.roles import ANONYMOUS, Principal, Role
from burnline.api.problems import Problem

__all__ = [
    "ANONYMOUS", "CHALLENGE", "SCOPE_KEY", "Admin", "Editor", "Principal", "Role", "Viewer", "admin", "editor",
    "principal",
]  # fmt: skip

CHALLENGE = 'Bearer realm="burnline"'
"""What a 401 asks for (RFC 6750)."""
SCOPE_KEY = "burnline.principal"
"""Where in the ASGI scope the gate leaves whom it let in. Nothing that comes over the network can be there before."""

_bearer = HTTPBearer(
    auto_error=False,
    description="A token of `burnline tokens create`, or a JWT of the configured OIDC issuer. "
    "Not needed over loopback as long as neither is configured.",
)


async def principal(request: Request, _: Annotated[object, Security(_bearer)] = None) -> Principal:
    """The caller: anyone who was let in, as every role may look.

    Raises:
        Problem: 401 if nobody was let in.
    """
    found = request.scope.get(SCOPE_KEY)
    if isinstance(found, Principal):
        return found
    raise Problem(401, "This needs a bearer token.", kind="unauthenticated", headers={"WWW-Authenticate": CHALLENGE})


async def editor(caller: Annotated[Principal, Depends(principal)]) -> Principal:
    """The caller, who may write.

    Raises:
        Problem: 401 if nobody was let in, 403 without the role.
    """
    return _with(Role.EDITOR, caller)


async def admin(caller: Annotated[Principal, Depends(principal)]) -> Principal:
    """The caller, who may do everything.

    Raises:
        Problem: 401 if nobody was let in, 403 without the role.
    """
    return _with(Role.ADMIN, caller)


def _with(needed: Role, caller: Principal) -> Principal:
    if caller.role.covers(needed):
        return caller
    raise Problem(403, f"This needs the role {needed}; {caller.subject} is {caller.role}.", kind="forbidden")


Viewer = Annotated[Principal, Depends(principal)]
Editor = Annotated[Principal, Depends(editor)]
Admin = Annotated[Principal, Depends(admin)]
