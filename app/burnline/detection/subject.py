"""What an anomaly may speak of, from a session up to an organisation. Pure."""

from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class AnomalyScope(StrEnum):
    """What a notice speaks of; the narrower ones come first."""

    SESSION = "session"
    TREE = "tree"
    """A session and all that descend from it, whoever runs them."""
    AGENT = "agent"
    TEAM = "team"
    PROJECT = "project"
    ORG = "org"

    @property
    def width(self) -> int:
        """Its place among them: a wider one has a larger one."""
        return _WIDTHS[self]


_WIDTHS = {scope: width for width, scope in enumerate(AnomalyScope)}


WIDE = frozenset({AnomalyScope.TREE, AnomalyScope.TEAM, AnomalyScope.PROJECT, AnomalyScope.ORG})
"""Scopes that more than one agent may be part of."""


class Subject(NamedTuple):
    """A team, a project, an organisation (its own name) or a tree of sessions (its root's) of one organisation."""

    scope: AnomalyScope
    org_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.scope} {self.name}"


class Member(BaseModel):
    """What a wide incident is made of: one agent, or one session of a tree."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    scope: AnomalyScope
    name: str
    excess_usd_per_hour: Annotated[
        str,
        Field(
            pattern=r"^[0-9]+(\.[0-9]{1,12})?$",
            examples=["20.7"],
            description="What it has spent above its usual in an hour.",
        ),
    ]
