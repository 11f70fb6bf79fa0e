"""What brokers or a topic's records do not let Burnline do, as a value: what, on which resource, and what to change.

Waiting cures what `topics.ends.passing` names. What is told here is cured by somebody: a right that is granted, a
setting that is changed, a record that is mended. So it is said once, looked at again slowly, and holds up nobody else.
"""

from enum import StrEnum
from typing import NamedTuple, Self

from confluent_kafka import KafkaError

from burnline.topics.errors import TopicError, TopicMissing


class Cause(StrEnum):
    """What kind of thing it is. The values are labels of a metric: they stay as they are."""

    NOT_AUTHENTICATED = "not_authenticated"
    NOT_AUTHORISED = "not_authorised"
    TOO_LARGE = "too_large"
    UNKNOWN_TOPIC = "unknown_topic"
    INVALID_CONFIG = "invalid_config"
    IN_DOUBT = "in_doubt"
    """Whether something counts cannot be known."""
    UNREADABLE = "unreadable"
    """A record of the state cannot be used."""
    DOES_NOT_FIT = "does_not_fit"
    """Topics that belong together contradict each other."""


_CAUSES = {
    KafkaError.SASL_AUTHENTICATION_FAILED: Cause.NOT_AUTHENTICATED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: Cause.NOT_AUTHENTICATED,
    KafkaError.ILLEGAL_SASL_STATE: Cause.NOT_AUTHENTICATED,
    KafkaError._AUTHENTICATION: Cause.NOT_AUTHENTICATED,
    KafkaError._SSL: Cause.NOT_AUTHENTICATED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Cause.NOT_AUTHORISED,
    KafkaError.GROUP_AUTHORIZATION_FAILED: Cause.NOT_AUTHORISED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Cause.NOT_AUTHORISED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: Cause.NOT_AUTHORISED,
    KafkaError.MSG_SIZE_TOO_LARGE: Cause.TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE: Cause.TOO_LARGE,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Cause.UNKNOWN_TOPIC,
    KafkaError.TOPIC_EXCEPTION: Cause.UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_TOPIC: Cause.UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION: Cause.UNKNOWN_TOPIC,
    KafkaError.INVALID_CONFIG: Cause.INVALID_CONFIG,
    KafkaError.INVALID_RECORD: Cause.INVALID_CONFIG,
    KafkaError.INVALID_TIMESTAMP: Cause.INVALID_CONFIG,
    KafkaError.INVALID_TRANSACTION_TIMEOUT: Cause.INVALID_CONFIG,
    KafkaError.POLICY_VIOLATION: Cause.INVALID_CONFIG,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: Cause.INVALID_CONFIG,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: Cause.INVALID_CONFIG,
    KafkaError.UNSUPPORTED_VERSION: Cause.INVALID_CONFIG,
    KafkaError._INVALID_ARG: Cause.INVALID_CONFIG,
}


def cause_of(error: KafkaError) -> Cause | None:
    """Which kind of refusal an error is; None for one that waiting may cure, or that is no refusal at all."""
    return _CAUSES.get(error.code())


class Refusal(NamedTuple):
    """Why a partition, or the whole worker, stands still.

    Attributes:
        cause: What kind of thing it is.
        resource: What it is about, for instance `topic finops.sessions` or `transactional id burnline-3`.
        reason: What is wrong, a sentence without an end, with names and values.
        cure: What to change, likewise; empty when that is not known.
        heals: Whether it can be cured while the worker runs, so that it is worth looking again.
    """

    cause: Cause
    resource: str
    reason: str
    cure: str = ""
    heals: bool = True

    @classmethod
    def of(cls, error: KafkaError, resource: str, doing: str, cure: str = "") -> Self | None:
        """What an error of the brokers says about a resource; None if it is no refusal.

        Args:
            error: Theirs.
            resource: Whose.
            doing: What was tried, as in `write to topic finops.sessions`.
            cure: What to change.
        """
        cause = cause_of(error)
        return None if cause is None else cls(cause, resource, f"{doing} is refused: {error.str()}", cure)

    def __str__(self) -> str:
        return f"{self.reason}; {self.cure}" if self.cure else self.reason


class Refused(TopicError):
    """Something is refused for good, until somebody changes it."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(str(refusal))


def as_refusal(error: TopicError) -> Refusal | None:
    """What an error refuses; None if waiting may cure it."""
    if isinstance(error, Refused):
        return error.refusal
    if isinstance(error, TopicMissing):
        cure = "make it with `burnline topics ensure`, or grant DESCRIBE on it"
        return Refusal(Cause.UNKNOWN_TOPIC, "topics", str(error).rstrip("."), cure)
    return None
