"""Who uses what is metered: a session that holds for what runs inside of it, in threads of control and tasks alike."""

import uuid
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_TAGS: "Mapping[str, str]" = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Owner:
    """Who used something; None where it is not said. Names are those of a usage event without `_id`."""

    org: str | None = None
    agent: str | None = None
    session: str | None = None
    run: str | None = None
    team: str | None = None
    project: str | None = None
    parent_session: str | None = None
    parent_run: str | None = None
    tags: "Mapping[str, str]" = field(default_factory=lambda: _NO_TAGS)

    def over(self, other: "Owner") -> "Owner":
        """This one, and what it does not say from another. Parents belong to their session and go with it."""
        names = ["org", "agent", "run", "team", "project"]
        if self.session is None or self.session == other.session:
            names += ["session", "parent_session", "parent_run"]
        said = {name: getattr(self, name) or getattr(other, name) for name in names}
        return replace(self, **said, tags=dict(other.tags) | dict(self.tags))

    def fields(self) -> dict[str, Any]:
        """As fields of a usage event; what is not said is left out."""
        named = {
            "org_id": self.org,
            "agent_id": self.agent,
            "session_id": self.session,
            "run_id": self.run,
            "team_id": self.team,
            "project_code": self.project,
            "parent_session_id": self.parent_session,
            "parent_run_id": self.parent_run,
            "tags": dict(self.tags),
        }
        return {name: value for name, value in named.items() if value}


NOBODY = Owner()
_current: ContextVar[Owner] = ContextVar("burnline_session", default=NOBODY)


def current() -> Owner:
    """Who is said to use things here."""
    return _current.get()


class Session:
    """What `session` gives: a context to enter, once at a time."""

    def __init__(self, owner: Owner) -> None:
        self._said = owner
        self._token: Token[Owner] | None = None
        self.owner = owner

    @property
    def id(self) -> str:
        """The session's id, once it is entered."""
        return self.owner.session or ""

    def __enter__(self) -> Self:
        outer = current()
        own = replace(self._said, session=self._said.session or str(uuid.uuid4()))
        if outer.session is not None and outer.session != own.session:
            own = replace(
                own,
                parent_session=own.parent_session or outer.session,
                parent_run=own.parent_run or outer.run,
            )
        inherited = replace(outer, run=None) if own.session != outer.session else outer
        self.owner = own.over(inherited)
        self._token = _current.set(self.owner)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None


def session(
    session_id: str | None = None,
    *,
    org: str | None = None,
    agent: str | None = None,
    run: str | None = None,
    team: str | None = None,
    project: str | None = None,
    parent_session: str | None = None,
    parent_run: str | None = None,
    tags: "Mapping[str, str] | None" = None,
) -> Session:
    """A context whose calls belong to one session; the innermost holds. Tasks begun inside of it are in it, too.

        with burnline.session("sess-4711", agent="coder"):
            ...
            with burnline.session(agent="researcher"):  # a sub-agent: a session of its own, with this one as its parent
                ...

    Args:
        session_id: Its id; without one it gets one of its own.
        org: Organisation that pays; this and the following are taken from the session around it if not given.
        agent: Agent that acts.
        run: Run within the session.
        team: Team to charge.
        project: Project to charge.
        parent_session: Session that it was called from; by default the one around it.
        parent_run: Run that it was called from; by default that of the session around it.
        tags: Free labels, added to those of the session around it.
    """
    return Session(Owner(org, agent, session_id, run, team, project, parent_session, parent_run, dict(tags or {})))
