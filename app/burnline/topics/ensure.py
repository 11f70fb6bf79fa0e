"""Create the topics that are missing, and say how those that exist differ from what is wanted."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    TopicMetadata,
)

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import SIZE, TIMESTAMP_TYPE, TopicSpec, framed_topic_for, otel_topics_for, topics_for
from burnline.topics.client_log import client_log
from burnline.topics.errors import BrokerSilent, TopicCreationFailed, TopicMismatch

TIMEOUT_S = 30.0
_POLL_S = 0.05
_COMPARED = ("cleanup.policy", "retention.ms", SIZE, "max.message.bytes", "min.insync.replicas", TIMESTAMP_TYPE)

GROWS = " `burnline topics ensure --grow` adds what is missing."

_log = logging.getLogger(__name__)


class Difference(NamedTuple):
    """A configuration of an existing topic that is not as wanted.

    Such a topic works, so it is left as it is; but whose time stands in the records of `usage` is set, since events
    cannot be judged by a time that publishers choose.
    """

    config: str
    found: str
    wanted: str


class TopicOutcome(NamedTuple):
    """What became of one topic."""

    spec: TopicSpec
    created: bool
    differences: tuple[Difference, ...]
    mended: tuple[Difference, ...] = ()
    """What was found to be otherwise and is as wanted by now."""


def ensure_otel_topics(settings: Settings, *, timeout_s: float = TIMEOUT_S) -> list[TopicOutcome]:
    """As `ensure_topics`, for those of `burnline otel`: in how many partitions the Collector writes is its own choice.

    Raises:
        TopicCreationFailed, BrokerSilent: As there.
    """
    return _ensure_as_partitioned(settings, otel_topics_for(settings), timeout_s)


def ensure_framed_topic(settings: Settings, *, timeout_s: float = TIMEOUT_S) -> list[TopicOutcome]:
    """Likewise, for the one of `burnline registry`.

    Raises:
        TopicCreationFailed, BrokerSilent: As there.
    """
    return _ensure_as_partitioned(settings, [framed_topic_for(settings)], timeout_s)


def _ensure_as_partitioned(settings: Settings, wanted: Sequence[TopicSpec], timeout_s: float) -> list[TopicOutcome]:
    """With as many partitions as they have, where they exist."""
    admin = AdminClient(client_config(settings), logger=client_log)
    existing = _existing(admin, wanted, time.monotonic() + timeout_s)
    specs = [
        replace(spec, partitions=len(found.partitions)) if (found := existing.get(spec.name)) else spec
        for spec in wanted
    ]
    return ensure_topics(settings, specs, timeout_s=timeout_s)


def ensure_topics(
    settings: Settings,
    specs: Sequence[TopicSpec] | None = None,
    *,
    grow: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> list[TopicOutcome]:
    """Create every missing topic and wait until each partition has a leader.

    Nothing is created when a topic that exists has another number of partitions: keys would then sit elsewhere than
    where the workers look for them. Safe to run from many processes at once.

    Args:
        settings: Brokers, prefix, partitions and replicas.
        specs: Which topics; all of the catalogue if not said.
        grow: Add the partitions that existing topics lack, instead of refusing them. None can be taken away.
        timeout_s: For the whole work.

    Returns:
        One outcome per topic, in their order.

    Raises:
        TopicMismatch: Topics exist with other partitions, or with a cleanup policy that loses what is counted on; every
            one is named.
        TopicCreationFailed: The broker refused; every refusal is named.
        BrokerSilent: No answer, or no leaders, within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    admin = AdminClient(client_config(settings), logger=client_log)
    specs = topics_for(settings) if specs is None else specs
    existing = _existing(admin, specs, deadline)
    grown = _grow(admin, specs, existing, deadline) if grow else {}
    _refuse_mismatch([spec for spec in specs if spec.name not in grown], existing)
    missing = [spec for spec in specs if spec.name not in existing]
    created = _create(admin, missing, settings, deadline)
    visible = _wait_for_leaders(admin, specs, deadline)
    _refuse_mismatch(specs, visible)  # another process may have been first, with other settings
    differences = _differences(admin, [spec for spec in specs if spec.name not in created], deadline)
    _refuse_policies(differences)
    for spec in specs:
        replicas = len(visible[spec.name].partitions[0].replicas)
        if replicas != settings.replication_factor:
            wanted = str(settings.replication_factor)
            differences.setdefault(spec.name, []).append(Difference("replication.factor", str(replicas), wanted))
    mended = _mend_timestamps(admin, differences, deadline)
    return [
        TopicOutcome(
            spec,
            spec.name in created,
            tuple(differences.get(spec.name, ())),
            mended.get(spec.name, ()) + ((grown[spec.name],) if spec.name in grown else ()),
        )
        for spec in specs
    ]


class Plan(NamedTuple):
    """What `ensure_topics` would do and say; nothing is done.

    Attributes:
        missing: Topics that it would create.
        refused: A sentence for each topic that it would refuse, and create nothing then.
        differing: Topics whose configuration is not as wanted.
    """

    missing: list[TopicSpec]
    refused: list[str]
    differing: dict[str, list[Difference]]


def planned(settings: Settings, *, timeout_s: float = TIMEOUT_S) -> Plan:
    """Look at the topics as `ensure_topics` does, and change nothing.

    Raises:
        BrokerSilent: No answer within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    admin = AdminClient(client_config(settings), logger=client_log)
    specs = topics_for(settings)
    existing = _existing(admin, specs, deadline)
    there = [spec for spec in specs if spec.name in existing]
    differing = _differences(admin, there, deadline)
    refused: list[str] = []
    try:
        _refuse_mismatch(there, existing)
        _refuse_policies(differing)
    except TopicMismatch as error:
        refused = error.mistakes
    missing = [spec for spec in specs if spec.name not in existing]
    return Plan(missing, refused, {name: found for name, found in differing.items() if found})


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.1)


def _existing(admin: AdminClient, specs: Iterable[TopicSpec], deadline: float) -> dict[str, TopicMetadata]:
    # All topics are asked for, never one by name: a question by name may make a broker create the topic.
    try:
        topics = admin.list_topics(timeout=_left(deadline)).topics
    except KafkaException as error:
        raise BrokerSilent(f"The brokers did not say which topics there are: {error.args[0].str()}") from error
    return {spec.name: topics[spec.name] for spec in specs if spec.name in topics}


def _grow(
    admin: AdminClient, specs: Iterable[TopicSpec], existing: dict[str, TopicMetadata], deadline: float
) -> dict[str, Difference]:
    """Add partitions where some are missing; what was found. Nothing grows while another topic has too many."""
    lacking = [spec for spec in specs if 0 < _count(existing, spec) < spec.partitions]
    _refuse_mismatch([spec for spec in specs if spec not in lacking], existing)
    if not lacking:
        return {}
    wanted = [NewPartitions(spec.name, spec.partitions) for spec in lacking]
    mistakes = []
    for name, future in admin.create_partitions(wanted, request_timeout=_left(deadline)).items():
        try:
            future.result()
        except KafkaException as error:
            mistakes.append(f"Topic {name} could not grow: {error.args[0].str()}")
    if mistakes:
        raise TopicCreationFailed(mistakes)
    _wait_for_partitions(admin, lacking, deadline)
    return {spec.name: Difference("partitions", str(_count(existing, spec)), str(spec.partitions)) for spec in lacking}


def _wait_for_partitions(admin: AdminClient, specs: list[TopicSpec], deadline: float) -> None:
    while waiting := [spec for spec in specs if _count(_existing(admin, specs, deadline), spec) < spec.partitions]:
        if time.monotonic() > deadline:
            raise BrokerSilent(f"New partitions are not to be seen of: {', '.join(spec.name for spec in waiting)}")
        time.sleep(_POLL_S)


def _count(existing: Mapping[str, TopicMetadata], spec: TopicSpec) -> int:
    found = existing.get(spec.name)
    return len(found.partitions) if found is not None else 0


def _refuse_mismatch(specs: Iterable[TopicSpec], existing: dict[str, TopicMetadata]) -> None:
    mistakes = [
        f"Topic {spec.name} has {len(found.partitions)} partitions, wanted are {spec.partitions}."
        + (GROWS if len(found.partitions) < spec.partitions else "")
        for spec in specs
        if (found := existing.get(spec.name)) is not None
        and found.partitions
        and len(found.partitions) != spec.partitions
    ]
    if mistakes:
        raise TopicMismatch(mistakes)


def _refuse_policies(differences: Mapping[str, Iterable[Difference]]) -> None:
    """A topic whose records go by another rule loses what is counted on: ledgers by age, events by key."""
    mistakes = [
        f"Topic {topic} has cleanup.policy={found}, wanted is {wanted}: records that count would be removed. "
        f"Set it (kafka-configs.sh --alter --topic {topic} --add-config cleanup.policy=[{wanted}])."
        for topic, several in differences.items()
        for config, found, wanted in several
        if config == "cleanup.policy" and loses(found, wanted)
    ]
    if mistakes:
        raise TopicMismatch(mistakes)


def loses(found: str, wanted: str) -> bool:
    """Whether a cleanup policy removes what another one keeps."""
    kinds, allowed = ({kind.strip() for kind in policy.split(",")} for policy in (found, wanted))
    return bool(kinds - allowed) or ("compact" in allowed and "compact" not in kinds)


def _create(admin: AdminClient, specs: list[TopicSpec], settings: Settings, deadline: float) -> set[str]:
    if not specs:
        return set()
    wanted = [
        NewTopic(spec.name, spec.partitions, settings.replication_factor, config=dict(spec.config)) for spec in specs
    ]
    created, mistakes = set(), []
    for name, future in admin.create_topics(wanted, request_timeout=_left(deadline)).items():
        try:
            future.result()
            created.add(name)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was first: as good
                mistakes.append(f"Topic {name} could not be created: {reason.str()}")
    if mistakes:
        raise TopicCreationFailed(mistakes)
    return created


def _wait_for_leaders(admin: AdminClient, specs: Iterable[TopicSpec], deadline: float) -> dict[str, TopicMetadata]:
    while True:
        existing = _existing(admin, specs, deadline)
        waiting = [spec.name for spec in specs if spec.name not in existing or not _led(existing[spec.name])]
        if not waiting:
            return existing
        if time.monotonic() > deadline:
            raise BrokerSilent(f"No leader for every partition of: {', '.join(waiting)}")
        time.sleep(_POLL_S)


def _led(topic: TopicMetadata) -> bool:
    return bool(topic.partitions) and all(partition.leader >= 0 for partition in topic.partitions.values())


def _differences(admin: AdminClient, specs: list[TopicSpec], deadline: float) -> dict[str, list[Difference]]:
    if not specs:
        return {}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, spec.name) for spec in specs]
    answers = {
        resource.name: future
        for resource, future in admin.describe_configs(asked, request_timeout=_left(deadline)).items()
    }
    found: dict[str, list[Difference]] = {}
    for spec in specs:
        try:
            entries = answers[spec.name].result()
        except KafkaException as error:  # reading configurations may be forbidden; creating topics still worked
            _log.warning("The configuration of topic %s is not known: %s", spec.name, error.args[0].str())
            continue
        # Not every broker tells every configuration: what is not told is not compared.
        told = {name: entries[name].value for name in _COMPARED if name in spec.config and name in entries}
        found[spec.name] = [
            Difference(name, value, spec.config[name]) for name, value in told.items() if value != spec.config[name]
        ]
    return found


def _mend_timestamps(
    admin: AdminClient, differences: dict[str, list[Difference]], deadline: float
) -> dict[str, tuple[Difference, ...]]:
    """Set whose time stands in records where it is not as wanted; what is set is no difference any more."""
    mended: dict[str, tuple[Difference, ...]] = {}
    for name, found in differences.items():
        for difference in [each for each in found if each.config == TIMESTAMP_TYPE]:
            if _set(admin, name, difference, deadline):
                found.remove(difference)
                mended[name] = (difference,)
    return mended


def _set(admin: AdminClient, topic: str, difference: Difference, deadline: float) -> bool:
    entry = ConfigEntry(difference.config, difference.wanted, incremental_operation=AlterConfigOpType.SET)
    wanted = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    try:
        for future in admin.incremental_alter_configs([wanted], request_timeout=_left(deadline)).values():
            future.result()
    except KafkaException as error:
        _log.warning("%s of topic %s could not be set: %s", difference.config, topic, error.args[0].str())
        return False
    _wait_until_shown(admin, topic, difference, deadline)
    _log.info("%s of topic %s is %s now, was %s", difference.config, topic, difference.wanted, difference.found)
    return True


def _wait_until_shown(admin: AdminClient, topic: str, difference: Difference, deadline: float) -> None:
    """What the controller has taken is in force once the brokers have heard of it, a moment later."""
    asked = ConfigResource(ConfigResource.Type.TOPIC, topic)
    while time.monotonic() < deadline:
        for future in admin.describe_configs([asked], request_timeout=_left(deadline)).values():
            entries = future.result()
            if difference.config not in entries or entries[difference.config].value == difference.wanted:
                return
        time.sleep(_POLL_S)
    raise BrokerSilent(f"{difference.config} of topic {topic} was set, and the brokers do not show it")
