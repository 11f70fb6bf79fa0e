"""What the peers must have found: every window above the threshold, recomputed from the topic in exact integers."""

from collections import defaultdict
from collections.abc import Mapping

import msgspec
from confluent_kafka.admin import AdminClient

from benchmarks.ledgers import read_from
from benchmarks.load import MULTIPLIER, PICO_PER_TOKEN, baseline_for
from benchmarks.peers.meter import HOP_MS, WINDOW_MS
from burnline.settings import Settings

Window = tuple[str, int]
"""Session, and when the window begins."""
_TOLERANCE = 1e-9
_PICO = 10**12


class _Event(msgspec.Struct):
    session_id: str
    occurred_at: int
    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int


class _Result(msgspec.Struct):
    session_id: str
    window_start: int
    window_end: int
    usd: float


class Windows:
    """All windows of a topic."""

    def __init__(self, settings: Settings, topic: str) -> None:
        """Read the topic and sum: by session and minute first, of which each window is five."""
        decode = msgspec.json.Decoder(_Event).decode
        minutes: dict[Window, int] = defaultdict(int)
        self._newest: dict[str, int] = defaultdict(int)
        self._records = 0
        for message in read_from(settings, topic, dict.fromkeys(range(settings.partitions), 0)):
            self._records += 1
            try:
                event = decode(message.value() or b"")
            except msgspec.DecodeError:
                continue
            plain, cached, answer = PICO_PER_TOKEN[event.model]
            fresh = event.input_tokens - event.cached_input_tokens
            pico = fresh * plain + event.cached_input_tokens * cached + event.output_tokens * answer
            minutes[event.session_id, event.occurred_at // HOP_MS * HOP_MS] += pico
            self._newest[event.session_id] = max(self._newest[event.session_id], event.occurred_at)
        self._pico: dict[Window, int] = defaultdict(int)
        for (session_id, minute), pico in minutes.items():
            for start in range(minute - WINDOW_MS + HOP_MS, minute + HOP_MS, HOP_MS):
                self._pico[session_id, start] += pico

    def compare(self, found: Mapping[Window, float], *, complete: bool) -> int:
        """Hold a peer's sums against these.

        Args:
            found: The last, which is the largest, sum that it gave for each window.
            complete: Whether windows that were open at the end of the topic must be among them.

        Returns:
            How many windows were compared.

        Raises:
            AssertionError: A window is missing, was made up, or has another sum.
        """
        floor = baseline_for(self._records) * MULTIPLIER * WINDOW_MS / 3_600_000
        burning = {window: pico / _PICO for window, pico in self._pico.items() if pico / _PICO > floor}
        # Where windows close by later events of their session, its last ones may be missing.
        closed = {(key, start) for key, start in burning if self._newest[key] > start + WINDOW_MS + HOP_MS}
        needed = burning if complete else closed
        missing = [window for window in needed if window not in found]
        extra = [window for window in found if window not in burning]
        wrong = [window for window, usd in found.items() if _differ(burning.get(window, usd), usd)]
        if missing or extra or wrong:
            raise AssertionError(
                f"{len(missing)} windows missing, {len(extra)} made up, {len(wrong)} wrong of {len(needed)}: "
                f"{[(window, burning.get(window), found.get(window)) for window in (missing + extra + wrong)[:3]]}"
            )
        return len(found)


def _differ(wanted: float, found: float) -> bool:
    return abs(wanted - found) > _TOLERANCE * (1 + wanted)


def results(settings: Settings, topic: str) -> dict[Window, float]:
    """The largest sum of each window on a topic of results, which is the last one, as costs are never negative."""
    decode = msgspec.json.Decoder(_Result).decode
    found: dict[Window, float] = {}
    for message in read_from(settings, topic, dict.fromkeys(partitions_of(settings, topic), 0)):
        one = decode(message.value() or b"")
        if one.window_end - one.window_start != WINDOW_MS:
            raise AssertionError(f"a window of another length: {one}")
        found[one.session_id, one.window_start] = max(one.usd, found.get((one.session_id, one.window_start), 0.0))
    return found


def partitions_of(settings: Settings, topic: str) -> list[int]:
    """The partitions that a topic has."""
    metadata = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers}).list_topics(topic, timeout=30)
    return sorted(metadata.topics[topic].partitions)
