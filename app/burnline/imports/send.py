"""Events to the brokers, in batches that are remembered once they are acknowledged."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from burnline.imports.memory import Memory
from burnline.publisher import Failure, UsagePublisher
from burnline.publisher.encoding import Encoded
from burnline.settings import Settings

BATCH = 2_000
DELIVERY_TIMEOUT_S = 120.0
MOST_FAILURES = 20
"""After so many events that the brokers refused, no more are sent."""


@dataclass(slots=True)
class Sent:
    """What became of the events."""

    known: int = 0
    """Imported before."""
    acknowledged: int = 0
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False


def send(
    settings: Settings,
    events: Iterable[Encoded],
    memory: Memory,
    *,
    unique_in_session: bool,
    again: bool,
) -> Sent:
    """Send the events that the memory does not know, and add them to it.

    Ctrl-C ends it, and is told; what was acknowledged is remembered by then, up to the last batch, which the next
    import sends again to be counted once.

    Args:
        settings: The brokers, and the topic.
        events: In order; a batch of them is in memory at a time.
        memory: What was sent before.
        unique_in_session: Whether ids are unique within a session only, and not among all that a source gives.
        again: Whether to send what the memory knows, too.
    """
    sent = Sent()

    def name(event: Encoded) -> str:
        return f"{event.key.decode()}/{event.event_id}" if unique_in_session else event.event_id

    publisher = UsagePublisher.from_settings(
        settings,
        max_block_s=DELIVERY_TIMEOUT_S,
        delivery_timeout_s=DELIVERY_TIMEOUT_S,
        on_failure=sent.failures.append,
    )
    rest = iter(events)
    try:
        with publisher:
            while (batch := list(islice(rest, BATCH))) and len(sent.failures) < MOST_FAILURES:
                fresh = [each for each in batch if again or name(each) not in memory]
                sent.known += len(batch) - len(fresh)
                arrived = _arrived(publisher, fresh, sent)
                memory.add(map(name, arrived))
                sent.acknowledged += len(arrived)
    except KeyboardInterrupt:
        sent.interrupted = True
        sent.failures.clear()  # what was given up now is no failure of the brokers
    return sent


def _arrived(publisher: UsagePublisher, fresh: list[Encoded], sent: Sent) -> list[Encoded]:
    """Publish some events and wait for them; those that the brokers have."""
    lost = len(sent.failures)
    for each in fresh:
        publisher.publish_raw(each.value, key=each.key, event_id=each.event_id)
    publisher.flush()
    failed = {failure.event_id for failure in sent.failures[lost:]}
    return [each for each in fresh if each.event_id not in failed]
