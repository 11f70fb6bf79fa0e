"""Which agent acts in a framework's tree of runs, and whose sub-agent it is."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from burnline.metering.recorder import Call, Recorder, TakesEvents
from burnline.usage.adapters import Dialect
from burnline.usage.context import NOBODY, Owner
from burnline.usage.reading import Reading

MOST_OPEN = 10_000
"""So many runs that have begun and not ended are remembered; one that never ends them costs no more than that."""

_SMALLEST_USD = Decimal(10) ** -12

Key = TypeVar("Key")
Value = TypeVar("Value")


class Acting(NamedTuple):
    """An agent at work: one run of it."""

    name: str | None
    """As the framework calls it."""
    run: str
    parent: "Acting | None" = None
    """The agent that called it; None for the outermost, which is called what the hook was told."""


def acts(call: Call, agent: Acting | None) -> Call:
    """A call, as one of this agent: a sub-agent has its own name and run, and its caller's run as the parent."""
    if agent is None:
        return call
    outermost_run = call.owner.run
    if agent.parent is None:
        return replace(call, owner=replace(call.owner, run=outermost_run or agent.run))
    parent_run = agent.parent.run if agent.parent.parent else outermost_run or agent.parent.run
    owner = replace(call.owner, agent=agent.name or call.owner.agent, run=agent.run, parent_run=parent_run)
    return replace(call, owner=owner)


class Open(Generic[Key, Value]):
    """What has begun and not ended, by its id: the newest `MOST_OPEN`."""

    def __init__(self) -> None:
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def begin(self, key: Key, value: Value) -> None:
        """Remember it."""
        self._values[key] = value
        while len(self._values) > MOST_OPEN:
            self._values.popitem(last=False)

    def get(self, key: Key | None) -> Value | None:
        """What has begun under this id."""
        return None if key is None else self._values.get(key)

    def end(self, key: Key) -> Value | None:
        """Forget it, and give it back."""
        return self._values.pop(key, None)


def recorder(
    framework: str,
    read: Callable[[Any], Reading],
    *,
    org: str,
    agent: str | None = None,
    session: str | None = None,
    team: str | None = None,
    project: str | None = None,
    tags: Mapping[str, str] | None = None,
    provider: str | None = None,
    region: str | None = None,
    publisher: TakesEvents | None = None,
) -> Recorder:
    """The recorder of a hook; its arguments are those of `burnline.meter`."""
    owner = Owner(org, agent, session, None, team, project, tags=dict(tags or {}))
    return Recorder(dialect(read), owner, {"provider": provider, "region": region}, publisher, else_agent=framework)


def dialect(read: Callable[[Any], Reading]) -> Dialect:
    """How a framework tells usage: whole, for it collects its streams itself; and it names the provider."""
    return Dialect("", read, _never)


def in_session(session: object, agent: str | None = None, team: object = None) -> Owner:
    """Whose a call is, as a framework has it; what is no text says nothing."""
    if not session and not agent and not team:
        return NOBODY
    return Owner(agent=agent, session=str(session) if session else None, team=str(team) if team else None)


def reported(usd: Decimal, source: str) -> Reading:
    """What a framework says that a call cost, to a billionth of a cent; nothing if it says nothing."""
    if usd <= 0:
        return {}
    exact = usd.quantize(_SMALLEST_USD).normalize()
    return {"reported_cost_usd": f"{exact:f}", "reported_cost_source": source}


def _never(_kept: dict[str, Any], _part: Any) -> None:
    """A framework collects its streams itself."""
