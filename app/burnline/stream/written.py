"""Records of a flush, what became of each as the brokers said it, and why they would not have them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, Message

from burnline.topics.refusal import Cause, Refusal, cause_of

SHOWN_CHARACTERS = 80
"""Of a key, in a sentence."""

Headers = Sequence[tuple[str, bytes | None]]


class Outgoing(NamedTuple):
    """A record to write."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size_bytes(self) -> int:
        """Before compression, without the few bytes that hold it together."""
        texts = (text for header in self.headers for text in header)
        return sum(len(part) for part in (self.key, self.value, *texts) if part is not None)


class Failed(NamedTuple):
    """A record that the brokers, or the client on their behalf, did not take."""

    topic: str
    key: bytes | None
    size_bytes: int
    error: KafkaError


class Written(NamedTuple):
    """A flush as it was written last.

    Attributes:
        records: All of them.
        ends: By topic, the offset of its last record, where the brokers have said it.
        failed: Those that were asked about and were not taken.
    """

    records: Sequence[Outgoing]
    ends: dict[str, int]
    failed: list[Failed]

    @classmethod
    def of(cls, records: Sequence[Outgoing]) -> "Written":
        """Of which nothing is known yet."""
        return cls(records, {}, [])

    def on_delivery(self, error: KafkaError | None, message: Message) -> None:
        """Note where a record stands, or why it does not."""
        topic, offset = message.topic(), message.offset()
        if topic is None:
            return
        if error is not None:
            key, value = message.key(), message.value()
            self.failed.append(Failed(topic, key, len(key or b"") + len(value or b""), error))
        elif offset is not None:
            self.ends[topic] = offset


def why_refused(failed: Iterable[Failed]) -> Refusal | None:
    """What is said against a record that waiting does not cure; the largest one, if against several."""
    refused = [one for one in failed if cause_of(one.error) is not None]
    if not refused:
        return None
    worst = max(refused, key=lambda one: one.size_bytes)
    cause, topic = cause_of(worst.error), f"topic {worst.topic}"
    if cause is Cause.TOO_LARGE:
        what = f"a record of {worst.size_bytes:,} bytes, key {_shown(worst.key)}, is larger than {topic} takes"
        return Refusal(cause, topic, what, "raise its max.message.bytes")
    return Refusal.of(
        worst.error, topic, f"writing to {topic}", _CURES.get(cause or Cause.IN_DOUBT, "{}").format(topic)
    )


_CURES = {
    Cause.NOT_AUTHORISED: "grant WRITE and DESCRIBE on {}",
    Cause.UNKNOWN_TOPIC: "see that {} exists, as `burnline topics ensure` makes it",
    Cause.INVALID_CONFIG: "look at the configuration of {} with `burnline topics ensure`",
}


def _shown(key: bytes | None) -> str:
    text = "none" if key is None else repr(key.decode(errors="replace"))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
