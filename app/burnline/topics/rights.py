"""Which rights are missing, by the brokers' own word: an error of theirs often names no topic."""

from collections.abc import Iterable, Mapping, Set

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from burnline.kafka import Config
from burnline.topics.client_log import client_log
from burnline.topics.refusal import Cause, Refusal, cause_of

Needed = Mapping[str, Set[AclOperation]]
"""By topic, what has to be allowed on it."""

DESCRIBE = frozenset([AclOperation.DESCRIBE])
READ = frozenset([AclOperation.READ, AclOperation.DESCRIBE])
WRITE = frozenset([AclOperation.WRITE, AclOperation.DESCRIBE])


def missing_rights(config: Config, needed: Needed, timeout_s: float) -> list[Refusal]:
    """What is not allowed on which topic. Topics that do not exist are no matter of rights.

    Raises:
        KafkaException, TimeoutError: The brokers do not say.
    """
    admin = AdminClient(config, logger=client_log)  # of its own: one that several threads share is not safe
    asked = admin.describe_topics(
        TopicCollection(list(needed)), include_authorized_operations=True, request_timeout=timeout_s
    )
    found = []
    for topic, answer in asked.items():
        try:
            allowed = answer.result(timeout_s).authorized_operations
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if cause_of(error) is Cause.UNKNOWN_TOPIC:
                continue
            if cause_of(error) is not Cause.NOT_AUTHORISED:
                raise
            allowed = []
        lacking = needed[topic] - set(needed[topic] if allowed is None else allowed)
        if lacking:
            found.append(not_allowed(f"topic {topic}", lacking))
    return found


def not_allowed(resource: str, lacking: Iterable[AclOperation]) -> Refusal:
    """That these operations are not allowed on a resource."""
    rights = " and ".join(sorted(operation.name for operation in lacking))
    return Refusal(Cause.NOT_AUTHORISED, resource, f"{rights} on {resource} is not allowed", f"grant {rights} on it")


def as_one(refusals: list[Refusal]) -> Refusal | None:
    """Several as one, which names them all; None for none."""
    if not refusals:
        return None
    first = refusals[0]
    if len(refusals) == 1:
        return first
    return first._replace(
        resource=", ".join(one.resource for one in refusals),
        reason="; ".join(one.reason for one in refusals),
        cure="grant them",
    )
