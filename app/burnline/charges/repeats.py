"""Whether the log holds the same event before: what the ledgers count once."""

from burnline.charges.explanation import Looked
from burnline.events.decode import decode_batch
from burnline.events.usage import END_TIME_MS, Usage
from burnline.kafka import Config
from burnline.ledger.audit.identities import differing
from burnline.topics.envelopes import event_of
from burnline.topics.fetching import fetch_range


def look_back(
    config: Config,
    topic: str,
    partition: int,
    offset: int,
    event: Usage,
    *,
    ids_per_org: bool,
    records: int,
    timeout_s: float,
) -> Looked:
    """Look through the records before an event for the first with its event id, of its session or org.

    Args:
        config: librdkafka configuration that reaches the brokers.
        topic: The usage topic.
        partition: Partition of the event; the same event on another partition is another ledger's.
        offset: Its offset.
        event: The event itself.
        ids_per_org: Whether an event id is unique in its org, and not only in its session.
        records: How many offsets to go back.
        timeout_s: How long the brokers may stay silent.

    Raises:
        TopicError: The brokers are silent, or refuse.
    """
    names = ("org_id", "event_id") if ids_per_org else ("org_id", "session_id", "event_id")
    start = max(0, offset - records)
    for batch in fetch_range(config, topic, partition, start, offset, timeout_s=timeout_s):
        for message in batch:
            other = _same_identity(event_of(message), event, names)
            if other is not None:
                return Looked(message.offset(), start, whole=start == 0, differs_in=differing(event, other))
    return Looked(None, start, whole=start == 0)


def _same_identity(value: bytes | None, event: Usage, names: tuple[str, ...]) -> Usage | None:
    # Decoding a hundred thousand events takes long; whether the id stands in one at all does not. It may be escaped.
    if not value or not (event.event_id.encode() in value or b"\\" in value or b"specversion" in value):
        return None
    # Any time is right here: whether it lay in the future was decided when it was read.
    (other,), _ = decode_batch([value], now_ms=END_TIME_MS, max_clock_skew_ms=0)
    if other is None or any(getattr(other, name) != getattr(event, name) for name in names):
        return None
    return other
