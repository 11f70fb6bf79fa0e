"""Ledgers as readers see them: one per session and organisation, wherever its events arrived, with burn rates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from burnline.detection.anomaly import Severity
from burnline.detection.burn import burn_pico_usd_per_hour
from burnline.detection.lifecycle import OpenAnomaly
from burnline.detection.rule import SLICE_S
from burnline.ledger.progress import Progress
from burnline.ledger.record import ModelFigures, model_record, model_sums
from burnline.ledger.session import ModelSums, add_up
from burnline.pricing.money import usd_text
from burnline.windows.slices import Slices, slice_index, window_sum


class LedgerFigures(Protocol):
    """What a view needs of a ledger: the record on the topic has it, and so has its row in a projection."""

    @property
    def session_id(self) -> str: ...  # noqa: D102  # as in the record
    @property
    def org_id(self) -> str: ...  # noqa: D102
    @property
    def agent_id(self) -> str: ...  # noqa: D102
    @property
    def source_partition(self) -> int: ...  # noqa: D102
    @property
    def last_offset(self) -> int: ...  # noqa: D102
    @property
    def first_event_at(self) -> int: ...  # noqa: D102
    @property
    def last_event_at(self) -> int: ...  # noqa: D102
    @property
    def delay_ms(self) -> int: ...  # noqa: D102
    @property
    def runs(self) -> int: ...  # noqa: D102
    @property
    def tool_calls(self) -> int: ...  # noqa: D102
    @property
    def parent_session_id(self) -> str | msgspec.UnsetType | None: ...  # noqa: D102
    @property
    def by_model(self) -> Mapping[str, ModelFigures]: ...  # noqa: D102
    @property
    def slices(self) -> Sequence[tuple[int, int]]: ...  # noqa: D102
    @property
    def anomaly(self) -> OpenAnomaly | None: ...  # noqa: D102


class SessionView(NamedTuple):
    """One session, added up over the partitions that it stands on."""

    session_id: str
    org_id: str
    agent_id: str
    source_partition: int
    """Of its earliest event, as `last_offset` is."""
    last_offset: int
    source_partitions: tuple[int, ...]
    first_event_at: int
    last_event_at: int
    delay_ms: int
    """How far its own time is behind the log's: of its partitions, the least."""
    runs: int
    tool_calls: int
    models: dict[str, ModelSums]
    slices: Slices
    parent_session_id: str | None
    """Of its parts, the first that names one."""
    anomaly: OpenAnomaly | None
    """The open one; of several (a partition judges only what it sees) the most severe, then the oldest."""

    def burn_pico_usd_per_hour(self, window_s: int, as_of_ms: int) -> int:
        """Burn of the window that ends with the session's own time at a moment of the log's."""
        total = window_sum(self.slices, slice_index(as_of_ms - self.delay_ms), window_s // SLICE_S)
        return burn_pico_usd_per_hour(total, window_s)

    @property
    def cost_pico_usd(self) -> int:
        """All that the session has spent."""
        return sum(sums.cost_pico_usd for sums in self.models.values())

    def as_json(self, windows_s: Sequence[int], as_of_ms: int) -> dict[str, Any]:
        """The public object of one session: the ledger record without its internals, with burn per window."""
        return {
            "session_id": self.session_id,
            "org_id": self.org_id,
            "agent_id": self.agent_id,
            "parent_session_id": self.parent_session_id,
            "source_partition": self.source_partition,
            "last_offset": self.last_offset,
            "source_partitions": list(self.source_partitions),
            "first_event_at": self.first_event_at,
            "last_event_at": self.last_event_at,
            "delay_ms": self.delay_ms,
            "runs": self.runs,
            "tool_calls": self.tool_calls,
            **msgspec.to_builtins(model_record(add_up(self.models))),
            "by_model": {model: msgspec.to_builtins(model_record(sums)) for model, sums in sorted(self.models.items())},
            "burn_usd_per_hour": {
                f"{window_s}s": usd_text(self.burn_pico_usd_per_hour(window_s, as_of_ms)) for window_s in windows_s
            },
            "anomaly": None if self.anomaly is None else msgspec.to_builtins(self.anomaly),
            "as_of_ms": as_of_ms,
        }


def merge(records: Iterable[LedgerFigures]) -> list[SessionView]:
    """One view per session of an organisation, ordered by session id.

    A session stands on several partitions when publishers use different partitioners: its sums are added up. Its
    agent is that of its earliest event.
    """
    by_session: dict[tuple[str, str], list[LedgerFigures]] = {}
    for record in records:
        by_session.setdefault((record.session_id, record.org_id), []).append(record)
    return [_view(sorted(parts, key=_age)) for _, parts in sorted(by_session.items())]


def _age(part: LedgerFigures) -> tuple[int, int]:
    return part.first_event_at, part.source_partition


def _worst(anomalies: Iterable[OpenAnomaly]) -> OpenAnomaly | None:
    return min(anomalies, key=lambda one: (one.severity is not Severity.CRITICAL, one.opened_at), default=None)


def _view(parts: list[LedgerFigures]) -> SessionView:
    models: dict[str, ModelSums] = {}
    slices: Slices = {}
    for part in parts:
        for model, sums in part.by_model.items():
            models.setdefault(model, ModelSums()).add(model_sums(sums))
        for index, pico_usd in part.slices:
            slices[index] = slices.get(index, 0) + pico_usd
    return SessionView(
        session_id=parts[0].session_id,
        org_id=parts[0].org_id,
        agent_id=parts[0].agent_id,
        source_partition=parts[0].source_partition,
        last_offset=parts[0].last_offset,
        source_partitions=tuple(sorted({part.source_partition for part in parts})),
        first_event_at=parts[0].first_event_at,
        last_event_at=max(part.last_event_at for part in parts),
        delay_ms=min(part.delay_ms for part in parts),
        runs=sum(part.runs for part in parts),
        tool_calls=sum(part.tool_calls for part in parts),
        models=models,
        slices=slices,
        parent_session_id=next((part.parent_session_id for part in parts if part.parent_session_id), None),
        anomaly=_worst(part.anomaly for part in parts if part.anomaly is not None),
    )


def as_of_ms(progress: Iterable[Progress], now_ms: int) -> int:
    """The moment that burn rates are as of: when the log took the newest record applied, moved on by the clock since.

    Returns:
        Epoch milliseconds; `now_ms` where nothing has been applied yet.
    """
    reached = [(one.appended_at_ms or one.watermark_ms, one.written_at_ms) for one in progress]
    moments = [at_ms + max(0, now_ms - written_at_ms) for at_ms, written_at_ms in reached if at_ms]
    return max(moments, default=now_ms)


def spent_usd(views: Iterable[SessionView]) -> str:
    """What sessions have spent together, exact."""
    return usd_text(sum(view.cost_pico_usd for view in views))
