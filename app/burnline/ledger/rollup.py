"""Closed rollups: what the retired sessions of an agent have spent, so that their ledgers can go and their sums stay.

Topic `rollups`, key `closed/<source partition>/<org_id>/<agent_id>`; an absolute sum per source partition, written in
the transaction that deletes the ledgers it takes in. Readers add up the newest record of each key. Of agents beyond
`MAX_CLOSED_AGENTS` there is one rollup for each organisation, under the agent `OTHER`.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from pydantic import Field

from burnline.detection.baseline import baseline_key
from burnline.ledger.bounds import MAX_CLOSED_AGENTS, MAX_CLOSED_MODELS, OTHER, counted_as
from burnline.ledger.record import (
    EventTimeMs,
    ModelRecord,
    ModelTotals,
    Name,
    Natural,
    UnreadableRecord,
    model_record,
    model_sums,
    refuse_negative,
)
from burnline.ledger.session import Ledger, ModelSums, add_up

VERSION = 1


class ClosedRollup:
    """The sums of one agent's retired sessions on one source partition."""

    __slots__ = ("agent_id", "first_event_at", "last_event_at", "models", "org_id", "runs", "sessions", "tool_calls")

    def __init__(self, org_id: str, agent_id: str) -> None:
        self.org_id = org_id
        self.agent_id = agent_id
        self.sessions = 0
        self.runs = 0
        self.tool_calls = 0
        self.first_event_at = 0
        self.last_event_at = 0
        self.models: dict[str, ModelSums] = {}

    def take_in(self, ledger: Ledger) -> None:
        """Add a session that is retired."""
        self.first_event_at = min(self.first_event_at or ledger.first_event_at, ledger.first_event_at)
        self.last_event_at = max(self.last_event_at, ledger.last_event_at)
        self.sessions += 1
        self.runs += ledger.runs
        self.tool_calls += ledger.tool_calls
        models = self.models
        for model, sums in ledger.models.items():
            if model not in models:
                model = counted_as(model, len(models), MAX_CLOSED_MODELS)  # its name from here on
            models.setdefault(model, ModelSums()).add(sums)


class ClosedRollups:
    """All closed rollups of one source partition, and which of them have to be written."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._by_agent: dict[tuple[str, str], ClosedRollup] = {}
        self._changed: set[tuple[str, str]] = set()

    @property
    def events(self) -> int:
        """Events in all of them."""
        return sum(sums.events for closed in self._by_agent.values() for sums in closed.models.values())

    def restore(self, values: Iterable[bytes]) -> None:
        """Take over what was written.

        Raises:
            UnreadableRecord: One of them cannot be read.
        """
        for value in values:
            closed = decode(value, self._partition)
            self._by_agent[closed.org_id, closed.agent_id] = closed

    def take_in(self, ledger: Ledger) -> None:
        """Add a session that is retired."""
        agent = (ledger.org_id, ledger.agent_id)
        if agent not in self._by_agent and len(self._by_agent) >= MAX_CLOSED_AGENTS:
            agent = (ledger.org_id, OTHER)
        self._by_agent.setdefault(agent, ClosedRollup(*agent)).take_in(ledger)
        self._changed.add(agent)

    def take_changes(self) -> list[tuple[bytes, bytes]]:
        """Records (key, value) of what has changed since the last call."""
        changed, self._changed = sorted(self._changed), set()
        partition = self._partition
        return [(rollup_key(partition, *agent), encode(self._by_agent[agent], partition)) for agent in changed]


class RollupRecord(ModelRecord, kw_only=True):
    """A whole record; the inherited sums are the totals over all models."""

    version: int
    org_id: Name
    agent_id: Name
    source_partition: Natural
    sessions: Natural
    runs: Natural
    tool_calls: Natural
    first_event_at: EventTimeMs
    last_event_at: EventTimeMs
    by_model: dict[Name, ModelRecord]


def rollup_key(partition: int, org_id: str, agent_id: str) -> bytes:
    """Key of the record."""
    return f"closed/{partition}/{baseline_key(org_id, agent_id)}".encode()


def encode(rollup: ClosedRollup, partition: int) -> bytes:
    """Value of the record."""
    total = msgspec.structs.asdict(model_record(add_up(rollup.models)))
    return msgspec.json.encode(
        RollupRecord(
            **total,
            version=VERSION,
            org_id=rollup.org_id,
            agent_id=rollup.agent_id,
            source_partition=partition,
            sessions=rollup.sessions,
            runs=rollup.runs,
            tool_calls=rollup.tool_calls,
            first_event_at=rollup.first_event_at,
            last_event_at=rollup.last_event_at,
            by_model={model: model_record(sums) for model, sums in rollup.models.items()},
        )
    )


def decode(value: bytes, partition: int | None = None) -> ClosedRollup:
    """What `encode` wrote.

    Args:
        value: The record's value.
        partition: The source partition that it must be of; None: any.

    Raises:
        UnreadableRecord: The value is damaged, of another version or of another partition.
    """
    try:
        record = msgspec.json.decode(value, type=RollupRecord)
        _refuse_another(record, partition)
        models = {model: model_sums(sums) for model, sums in record.by_model.items()}
        refuse_negative(models)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableRecord(f"no rollup that this Burnline can read: {error}: {value[:200]!r}") from error
    rollup = ClosedRollup(record.org_id, record.agent_id)
    rollup.models = models
    for field in ("sessions", "runs", "tool_calls", "first_event_at", "last_event_at"):
        setattr(rollup, field, getattr(record, field))
    return rollup


def _refuse_another(record: RollupRecord, partition: int | None) -> None:
    if record.version != VERSION:
        raise ValueError(f"rollup version={record.version}: this is Burnline for version {VERSION}")
    if partition not in {None, record.source_partition}:
        raise ValueError(f"of source partition {record.source_partition}, not {partition}")


class SessionRollup(ModelTotals):
    """All retired sessions of one agent on one source partition, added up."""

    version: Annotated[int, Field(ge=1, le=VERSION)]
    org_id: str
    agent_id: str
    source_partition: Annotated[int, Field(ge=0)]
    sessions: Annotated[int, Field(ge=0, description="Retired sessions in it.")]
    runs: Annotated[int, Field(ge=0)]
    tool_calls: Annotated[int, Field(ge=0)]
    first_event_at: Annotated[int, Field(description="Least event time, Unix epoch ms.")]
    last_event_at: Annotated[int, Field(description="Greatest event time, Unix epoch ms.")]
    by_model: dict[str, ModelTotals]
