"""Roles, and who has one."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do; each role may all that the one before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs the other one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller that was let in.

    Attributes:
        subject: Who it is, for the audit log: `token:<id>`, `oidc:<sub>` or `anonymous`.
        role: What it may do.
        orgs: The only organisations that it sees and writes for; None for every one, none at all if empty.
    """

    subject: str
    role: Role
    orgs: frozenset[str] | None

    def sees(self, org_id: str) -> bool:
        """Whether this organisation may be shown to it, or written for."""
        return self.orgs is None or org_id in self.orgs


ANONYMOUS = Principal("anonymous", Role.ADMIN, None)
"""Who calls over loopback as long as no access is configured."""
