"""What keeps a worker from starting at all, asked of the brokers: who only joins a group is never told."""

import logging
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation, AdminClient, ConsumerGroupDescription

from burnline.kafka import Config, client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.client_log import client_log
from burnline.topics.clusters import cluster_obstacles
from burnline.topics.errors import BrokerSilent
from burnline.topics.refusal import Cause, Refusal, cause_of
from burnline.topics.rights import DESCRIBE, READ, missing_rights, not_allowed

TIMEOUT_S = 5.0
LOOK_S = 2.0
"""So long is waited for each of several brokers; one that is away holds up no start for longer."""

_log = logging.getLogger(__name__)
_unheard = logging.getLogger("librdkafka.obstacles")
_unheard.setLevel(logging.CRITICAL)
"""What a client says that only looks whether it is let in: the answer is told once, and it looks again and again."""


def find_obstacles(settings: Settings) -> list[Refusal]:
    """What somebody has to change before a worker with these settings can work. Blocks; empty if nothing is known.

    That the brokers are away, or do not answer such questions, is no obstacle: whoever needs them waits for them.
    """
    config = client_config(settings)
    topics = topics_for(settings)
    try:
        why_not = not_let_in(settings)
    except BrokerSilent as silence:  # and no more is asked: see `group_obstacles`
        _log.debug("not answered: %s", silence)
        return []
    if why_not is not None:
        return [why_not]
    others = cluster_obstacles(config, LOOK_S)
    if others:
        return others
    seen = dict.fromkeys((topic.name for topic in topics), DESCRIBE)  # or else one would be made that is there
    followed = (topics.usage, topics.baselines, topics.valuation_rates, topics.catalogues)
    read = dict.fromkeys((topic.name for topic in followed), READ)
    found = _asked(lambda: missing_rights(config, seen | read, TIMEOUT_S))
    return found + _asked(lambda: group_obstacles(config, settings.app_id, [topic.name for topic in topics]))


def _asked(question: Callable[[], list[Refusal]]) -> list[Refusal]:
    try:
        return question()
    except (KafkaException, TimeoutError) as failure:
        _log.debug("not answered: %s", failure)
        return []


def not_let_in(settings: Settings) -> Refusal | None:
    """Why the brokers do not let us in; None if they do. Blocks.

    Raises:
        BrokerSilent: They do not answer.
    """
    told: list[KafkaError] = []
    config: dict[str, Any] = {**client_config(settings), "error_cb": told.append}
    admin = AdminClient(config, logger=_unheard)
    try:
        admin.list_topics(timeout=TIMEOUT_S)
    except KafkaException as failure:
        admin.poll(0)  # what was said meanwhile
        for error in (*told, failure.args[0]):
            if cause_of(error) is Cause.NOT_AUTHENTICATED:
                return _not_authenticated(settings, error)
        raise BrokerSilent(str(failure)) from failure
    return None


def _not_authenticated(settings: Settings, error: KafkaError) -> Refusal:
    resource = f"brokers {settings.kafka_bootstrap_servers}"
    if settings.kafka_security_protocol.startswith("SASL"):
        who = f"to log in as {settings.kafka_sasl_username!r} by {settings.kafka_sasl_mechanism} at {resource}"
        cure = "look at BURNLINE_KAFKA_SASL_USERNAME, BURNLINE_KAFKA_SASL_PASSWORD and BURNLINE_KAFKA_SASL_MECHANISM"
    else:
        who = f"to connect by {settings.kafka_security_protocol} to {resource}"
        cure = "look at BURNLINE_KAFKA_SECURITY_PROTOCOL and the BURNLINE_KAFKA_SSL_ settings"
    return Refusal(Cause.NOT_AUTHENTICATED, resource, f"{who} is refused: {error.str()}", cure)


def group_rights(config: Config, group: str, timeout_s: float = TIMEOUT_S) -> list[Refusal]:
    """That a group may not be joined; empty if it may.

    Raises:
        KafkaException, TimeoutError: The brokers do not say.
    """
    found = _described_group(config, group, timeout_s)
    if found is None or _may_not_be_joined(found):
        return [not_allowed(f"group {group}", [AclOperation.READ])]
    return []


def _described_group(config: Config, group: str, timeout_s: float) -> ConsumerGroupDescription | None:
    """What the brokers say of a group; None if we may not even ask."""
    admin = AdminClient(config, logger=client_log)
    admin.list_topics(timeout=timeout_s)  # see `group_obstacles`
    asked = admin.describe_consumer_groups([group], include_authorized_operations=True, request_timeout=timeout_s)
    try:
        found: ConsumerGroupDescription = asked[group].result(timeout_s)
    except KafkaException as failure:
        if cause_of(failure.args[0]) is Cause.NOT_AUTHORISED:
            return None
        raise
    return found


def _may_not_be_joined(found: ConsumerGroupDescription) -> bool:
    told = found.authorized_operations is not None  # some brokers do not say
    return told and AclOperation.READ not in found.authorized_operations


def group_obstacles(config: Config, group: str, topics: list[str], timeout_s: float = TIMEOUT_S) -> list[Refusal]:
    """Why a worker cannot join its group: it may not, or somebody else's is at work under that name.

    Brokers that do not answer are asked nothing about a group: librdkafka (2.16; its issue 4605, mended by its open
    pull request 5397) frees a question to a coordinator twice when it cannot send it, and the process aborts.

    Args:
        config: librdkafka configuration that reaches the brokers.
        group: Its name.
        topics: Names of all topics of the deployment.
        timeout_s: How long to wait; the first group of a cluster takes a while.

    Raises:
        KafkaException, TimeoutError: The brokers do not say.
    """
    found = _described_group(config, group, timeout_s)
    if found is None or _may_not_be_joined(found):
        return [not_allowed(f"group {group}", [AclOperation.READ])]
    assigned = {place.topic for member in found.members for place in member.assignment.topic_partitions}
    others = sorted(assigned.difference(topics))
    if not others:
        return []
    what = f"group {group} is at work on topics of somebody else's: {', '.join(others)}"
    cure = "give each deployment a BURNLINE_APP_ID of its own; workers of one share BURNLINE_TOPIC_PREFIX, too"
    return [Refusal(Cause.DOES_NOT_FIT, f"group {group}", what, cure)]
