"""Who sends what is refused or looks wrong: the newest records of `usage`, by producer. Pure.

A record says who sent it by its CloudEvent's `source`, by the header of the OpenTelemetry relay, and by organisation
and agent; the log keeps no client's name.
"""

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from burnline.events.decode import decode_batch
from burnline.events.rejection import Rejection
from burnline.events.usage import Usage

MOST_EMITTERS = 200
"""So many are told apart; all further ones stand together."""
OTHERS = "others"
MOST_REMEMBERED = 200_000
"""So many newest events are known again, and so many sessions."""
OF_THE_RELAY = "burnline-source"
TWINS_WITHIN_MS = 2_000
MOST_CHARACTERS = 256
_SOURCE_MARK = b'"specversion"'


class Record(NamedTuple):
    """A record of `usage`: its event's bytes, out of its headers if they are an envelope."""

    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    logged_ms: int


class Emitter(NamedTuple):
    """Who sent something; empty where nothing says so."""

    source: str
    org_id: str
    agent_id: str


@dataclass(slots=True)
class Sent:
    """What one of them sent. Everything but `events`, `newest_ms` and tokens is a reason to look."""

    events: int = 0
    newest_ms: int = 0
    """When the log took the newest one, Unix epoch ms."""
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Refused ones by reason and field, as `subset_exceeds_total: cached_input_tokens`."""
    repeated: int = 0
    """Ids that its organisation's session had before: sent twice, and counted once."""
    twins: int = 0
    """Same session, model and counts as the event before within two seconds, under another id: it may be one call that
    two instrumentations saw, or a container's sums beside its calls."""
    ahead: int = 0
    """Ahead of the log's clock by more than the skew allowed, and refused for it."""
    late: int = 0
    """Older than the windows reach back when the log took them: counted, and no alarm could be raised."""
    unpriced: int = 0
    """Events with tokens that have no rate."""
    tokens: int = 0
    unpriced_tokens: int = 0

    @property
    def suspicious(self) -> int:
        """How much there is to look at."""
        return self.refused + self.repeated + self.twins + self.late + self.unpriced

    def as_dict(self) -> dict[str, Any]:
        """All of it, the share of tokens without a rate between 0 and 1."""
        share = self.unpriced_tokens / self.tokens if self.tokens else 0.0
        told = asdict(self) | {"reasons": dict(self.reasons.most_common()), "suspicious": self.suspicious}
        return told | {"unpriced_share": round(share, 6)}


class Emitters:
    """Adds records up, by who sent them.

    Args:
        unpriced: How many tokens of an event have no rate.
        max_clock_skew_ms: How far ahead of the log an event may be.
        late_after_ms: How much older than the log's time an event is late.
    """

    def __init__(self, unpriced: Callable[[Usage], int], *, max_clock_skew_ms: int, late_after_ms: int) -> None:
        self._unpriced = unpriced
        self._skew_ms = max_clock_skew_ms
        self._late_after_ms = late_after_ms
        self._sent: dict[Emitter, Sent] = {}
        self._ids = _Newest()
        self._last = _Newest()

    def take(self, records: Sequence[Record]) -> None:
        """Some records, in the order of their partition."""
        logged = [record.logged_ms for record in records]
        values = [record.value for record in records]
        # Each is judged by when the log took it, as the worker does.
        usages, refused = decode_batch(values, now_ms=0, max_clock_skew_ms=self._skew_ms, logged_ms=logged)
        why = {one.index: one for one in refused}
        for index, (record, usage) in enumerate(zip(records, usages, strict=True)):
            if usage is None:
                self._refuse(record, why[index])
            else:
                self._count(record, usage)

    def rows(self) -> list[tuple[Emitter, Sent]]:
        """Those with most to look at first."""
        return sorted(self._sent.items(), key=lambda row: (-row[1].suspicious, -row[1].events, row[0]))

    def _of(self, emitter: Emitter, record: Record) -> Sent:
        if emitter not in self._sent and len(self._sent) >= MOST_EMITTERS:
            emitter = Emitter("", "", OTHERS)
        sent = self._sent.setdefault(emitter, Sent())
        sent.events += 1
        sent.newest_ms = max(sent.newest_ms, record.logged_ms)
        return sent

    def _refuse(self, record: Record, why: Rejection) -> None:
        sent = self._of(_guessed(record), record)
        sent.refused += 1
        sent.reasons[f"{why.reason.value}: {why.field}".removesuffix(": ")] += 1
        sent.ahead += why.reason.value == "in_the_future"

    def _count(self, record: Record, usage: Usage) -> None:
        sent = self._of(Emitter(_source(record), usage.org_id, usage.agent_id), record)
        session = usage.org_id, usage.session_id
        if self._ids.put((*session, usage.event_id), usage.occurred_at) is not None:
            sent.repeated += 1
            return
        counts = (usage.model, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
        before = self._last.put(session, (counts, usage.occurred_at))
        if before is not None and any(counts[1:]) and before[0] == counts:
            sent.twins += abs(usage.occurred_at - before[1]) <= TWINS_WITHIN_MS
        sent.late += record.logged_ms - usage.occurred_at > self._late_after_ms
        unpriced = self._unpriced(usage)
        sent.tokens += usage.input_tokens + usage.output_tokens
        sent.unpriced_tokens += unpriced
        sent.unpriced += unpriced > 0


class _Newest:
    """A dictionary of the newest entries."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, Any] = OrderedDict()

    def put(self, key: Hashable, value: Any) -> Any:
        """Put it in, and give what was there."""
        before = self._held.pop(key, None)
        self._held[key] = value
        if len(self._held) > MOST_REMEMBERED:
            self._held.popitem(last=False)
        return before


def _source(record: Record) -> str:
    if any(name == OF_THE_RELAY for name, _ in record.headers):
        return "otel"
    named = _header(record.headers, "ce_source")
    if named or record.value is None or _SOURCE_MARK not in record.value:
        return named
    return _texts(record, ("source",))[0]


def _header(headers: Iterable[tuple[str, bytes | None]], wanted: str) -> str:
    found = next((told for name, told in headers if name.lower() == wanted and told), b"")
    return found.decode("utf-8", "replace")[:MOST_CHARACTERS]


def _guessed(record: Record) -> Emitter:
    """Who sent what cannot be decoded, as far as it is JSON."""
    data = _texts(record, ("org_id", "agent_id"))
    return Emitter(_source(record), *data)


def _texts(record: Record, names: Sequence[str]) -> list[str]:
    try:
        found = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        found = None
    places = [found, found.get("data")] if isinstance(found, dict) else []
    texts = [
        next((place[name] for place in places if isinstance(place, dict) and isinstance(place.get(name), str)), "")
        for name in names
    ]
    return [text[:MOST_CHARACTERS] for text in texts]
