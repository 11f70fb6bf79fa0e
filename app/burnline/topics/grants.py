"""The least rights of each component, on brokers that ask for rights (ACLs): the one table.

`burnline acl` prints it, each component waits by it for what is missing, and `tests/faults/test_least_rights.py` lets
them work on Apache Kafka with these rights and no other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from confluent_kafka.admin import AclOperation, ResourceType

from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec, framed_topic_for, otel_topics_for, redriven_topic_for, topics_for

_DESCRIBE, _CONFIGS = AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS
_READ, _WRITE = AclOperation.READ, AclOperation.WRITE


class Component(StrEnum):
    """Who talks to the brokers, by the name that `burnline acl` takes."""

    WORKER = "worker"
    PROJECTOR = "projector"
    API = "api"
    NOTIFY = "notify"
    BUDGETS = "budgets"
    DETECT = "detect"
    OTEL = "otel"
    REGISTRY = "registry"
    PUBLISHER = "publisher"
    """An agent with the SDK, an importer, `burnline publish`."""
    CONTROLS = "controls"
    """A runtime that asks `Controls.allowed`."""
    COLLECTOR = "collector"
    """The OpenTelemetry Collector's Kafka exporter."""
    READER = "reader"
    """Whoever looks: sessions, anomalies, explain, verify, backtest."""
    OPERATOR = "operator"
    """Whoever runs the rest of the command line: topics, rates, baselines, budgets, controls, dead letters, recount."""


WHAT = {
    Component.WORKER: "burnline worker",
    Component.PROJECTOR: "burnline projector",
    Component.API: "burnline api, also where usage comes in by HTTP",
    Component.NOTIFY: "burnline notify run, for sinks of any name",
    Component.BUDGETS: "burnline budgets run",
    Component.DETECT: "burnline detect",
    Component.OTEL: "burnline otel",
    Component.REGISTRY: "burnline registry",
    Component.PUBLISHER: "agents with the SDK, burnline publish and import",
    Component.CONTROLS: "runtimes that ask Controls.allowed",
    Component.COLLECTOR: "the OpenTelemetry Collector's Kafka exporter",
    Component.READER: "commands that only look: sessions, anomalies, explain, verify, backtest",
    Component.OPERATOR: "all other commands: topics, rates, baselines, budgets, controls, dead-letters, recount, adopt",
}


class Grant(NamedTuple):
    """What may be done with a resource.

    Attributes:
        kind: Topic, group, transactional id or cluster.
        name: Its name, or what its name begins with.
        operations: As Kafka calls them. READ and WRITE include DESCRIBE, which is named nevertheless.
        prefixed: Whether `name` is a beginning.
    """

    kind: ResourceType
    name: str
    operations: frozenset[AclOperation]
    prefixed: bool = False

    @property
    def resource(self) -> str:
        """As errors name it, for instance `transactional id burnline-3`."""
        return f"{self.kind.name.lower().replace('_', ' ')} {self.name}"


def grants_of(component: Component, settings: Settings) -> list[Grant]:
    """All that a component needs under these settings: one grant for each resource, topics by name."""
    return _merged(_TABLE[component](settings))


def _merged(grants: Iterable[Grant]) -> list[Grant]:
    found: dict[tuple[ResourceType, str, bool], frozenset[AclOperation]] = {}
    for kind, name, operations, prefixed in grants:
        found[kind, name, prefixed] = found.get((kind, name, prefixed), frozenset()) | operations
    return [Grant(kind, name, operations, prefixed) for (kind, name, prefixed), operations in found.items()]


def _topics(specs: Iterable[TopicSpec], *operations: AclOperation) -> Iterator[Grant]:
    for spec in specs:
        yield Grant(ResourceType.TOPIC, spec.name, frozenset(operations))


def _read(*specs: TopicSpec) -> Iterator[Grant]:
    return _topics(specs, _READ, _DESCRIBE)


def _write(*specs: TopicSpec) -> Iterator[Grant]:
    return _topics(specs, _WRITE, _DESCRIBE)


def _seen(settings: Settings) -> Iterator[Grant]:
    """Of who looks at the start whether all topics are as they have to be; who may not would try to make them."""
    return _topics(topics_for(settings), _DESCRIBE, _CONFIGS)


def _group(name: str, *, prefixed: bool = False) -> Grant:
    return Grant(ResourceType.GROUP, name, frozenset([_READ, _DESCRIBE]), prefixed)


def _transactional(name: str, *, prefixed: bool = False) -> Grant:
    return Grant(ResourceType.TRANSACTIONAL_ID, name, frozenset([_WRITE, _DESCRIBE]), prefixed)


def _worker(settings: Settings) -> Iterator[Grant]:
    topics = topics_for(settings)
    restored = (topics.sessions, topics.progress, topics.rollups, topics.event_ids, topics.usage_rollups)
    yield from _seen(settings)
    yield from _read(topics.usage, topics.baselines, topics.valuation_rates, topics.catalogues, *restored)
    yield from _write(*restored, topics.anomalies, topics.dead_letters)
    yield _group(settings.app_id)
    for partition in range(settings.partitions):
        yield _transactional(f"{settings.app_id}-{partition}")
    if settings.catalogue_refresh:
        yield from _write(topics.catalogues)
        yield _transactional(f"{settings.app_id}-catalogue")


def _projector(settings: Settings) -> Iterator[Grant]:
    topics = topics_for(settings)
    yield from _seen(settings)
    yield from _topics([topics.usage], _DESCRIBE)  # where it ends, and nothing of what stands there
    yield from _read(
        topics.baselines, topics.budgets, topics.controls, topics.valuation_rates, topics.anomaly_notes,
        topics.catalogues, topics.progress, topics.sessions, topics.usage_rollups, topics.anomalies,
    )  # fmt: skip


def _api(settings: Settings) -> Iterator[Grant]:
    topics = topics_for(settings)
    changed = (topics.valuation_rates, topics.baselines, topics.budgets, topics.anomaly_notes)
    yield from _read(topics.usage, topics.progress, topics.dead_letters, topics.catalogues, topics.policies, *changed)
    yield from _write(topics.usage, *changed)


def _notify(settings: Settings) -> Iterator[Grant]:
    topics = topics_for(settings)
    yield from _read(topics.anomalies, topics.anomaly_notes, topics.notice_places, topics.budget_notices)
    yield from _write(topics.parked_notices, topics.notice_places)
    yield _group(f"{settings.app_id}-notify-", prefixed=True)


def _budgets(settings: Settings) -> Iterator[Grant]:
    topics = topics_for(settings)
    yield from _seen(settings)
    yield from _read(topics.budgets, topics.usage_rollups, topics.budget_notices, topics.budget_progress)
    yield from _write(topics.budget_notices, topics.budget_progress, topics.controls)
    yield _transactional(f"{settings.app_id}-budgets")


def _detect(settings: Settings) -> Iterator[Grant]:
    topics = topics_for(settings)
    yield from _seen(settings)
    yield from _read(topics.usage, topics.baselines, topics.valuation_rates, topics.catalogues, topics.policies)
    yield from _read(topics.detection, topics.anomaly_notes)
    yield from _write(topics.detection, topics.anomalies)
    yield _transactional(f"{settings.app_id}-detect")


def _otel(settings: Settings) -> Iterator[Grant]:
    otel = otel_topics_for(settings)
    yield from _topics(otel, _DESCRIBE, _CONFIGS)
    yield from _read(otel.spans, otel.logs)
    yield from _write(otel.dead_letters, topics_for(settings).usage)
    yield _group(f"{settings.app_id}-otel")
    yield _transactional(f"{settings.app_id}-otel-", prefixed=True)


def _registry(settings: Settings) -> Iterator[Grant]:
    framed, topics = framed_topic_for(settings), topics_for(settings)
    yield from _topics([framed], _DESCRIBE, _CONFIGS)
    yield from _read(framed)
    yield from _write(topics.dead_letters, topics.usage)
    yield _group(f"{settings.app_id}-registry")
    yield _transactional(f"{settings.app_id}-registry-", prefixed=True)


def _publisher(settings: Settings) -> Iterator[Grant]:
    yield from _write(topics_for(settings).usage)


def _controls(settings: Settings) -> Iterator[Grant]:
    yield from _read(topics_for(settings).controls)


def _collector(settings: Settings) -> Iterator[Grant]:
    otel = otel_topics_for(settings)
    yield from _write(otel.spans, otel.logs)


def _reader(settings: Settings) -> Iterator[Grant]:
    yield from _read(*topics_for(settings), redriven_topic_for(settings))


def _operator(settings: Settings) -> Iterator[Grant]:
    everything = (
        *topics_for(settings),
        *otel_topics_for(settings),
        framed_topic_for(settings),
        redriven_topic_for(settings),
    )
    yield from _read(*everything)
    yield from _write(*everything)
    yield from _topics(everything, _CONFIGS, AclOperation.ALTER_CONFIGS, AclOperation.CREATE, AclOperation.ALTER,
                       AclOperation.DELETE)  # fmt: skip
    yield _group(settings.app_id, prefixed=True)
    yield _transactional(f"{settings.app_id}-", prefixed=True)


_TABLE: Mapping[Component, Callable[[Settings], Iterator[Grant]]] = {
    Component.WORKER: _worker,
    Component.PROJECTOR: _projector,
    Component.API: _api,
    Component.NOTIFY: _notify,
    Component.BUDGETS: _budgets,
    Component.DETECT: _detect,
    Component.OTEL: _otel,
    Component.REGISTRY: _registry,
    Component.PUBLISHER: _publisher,
    Component.CONTROLS: _controls,
    Component.COLLECTOR: _collector,
    Component.READER: _reader,
    Component.OPERATOR: _operator,
}
