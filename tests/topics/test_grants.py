"""The table of least rights: every topic stands in it, and what it says follows the settings."""

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from burnline.settings import load_settings
from burnline.topics.admission import needed
from burnline.topics.catalogue import framed_topic_for, otel_topics_for, redriven_topic_for, topics_for
from burnline.topics.grants import WHAT, Component, Grant, grants_of

SETTINGS = load_settings(topic_prefix="t.", app_id="app", partitions=3)
READ, WRITE = AclOperation.READ, AclOperation.WRITE
EACH = pytest.mark.parametrize("component", list(Component), ids=[each.value for each in Component])


def may(component: Component, kind: ResourceType, **settings: object) -> dict[str, frozenset[AclOperation]]:
    own = SETTINGS.model_copy(update=settings)
    return {grant.name: grant.operations for grant in grants_of(component, own) if grant.kind is kind}


def holders(topic: str, operation: AclOperation) -> set[Component]:
    """Who may do this with a topic, the operator apart."""
    able = {each for each in Component if operation in may(each, ResourceType.TOPIC).get(topic, frozenset())}
    return able - {Component.OPERATOR}


def test_every_topic_is_read_and_written_by_somebody() -> None:
    apart = (framed_topic_for(SETTINGS), redriven_topic_for(SETTINGS))
    for spec in (*topics_for(SETTINGS), *otel_topics_for(SETTINGS), *apart):
        operations = may(Component.OPERATOR, ResourceType.TOPIC)[spec.name]
        assert operations >= {READ, WRITE, AclOperation.CREATE}, spec.name


@EACH
def test_a_component_is_told_in_words_and_has_one_grant_for_each_resource(component: Component) -> None:
    grants = grants_of(component, SETTINGS)
    assert WHAT[component]
    assert len({grant[:2] for grant in grants}) == len(grants) > 0


@pytest.mark.parametrize(
    ("topic", "writers"),
    [
        ("t.sessions", {Component.WORKER}),
        ("t.progress", {Component.WORKER}),
        ("t.dead-letters", {Component.WORKER, Component.REGISTRY}),
        ("t.usage", {Component.PUBLISHER, Component.API, Component.OTEL, Component.REGISTRY}),
        ("t.anomalies", {Component.WORKER, Component.DETECT}),
        ("t.controls", {Component.BUDGETS}),
        ("t.baselines", {Component.API}),
        ("t.catalogues", set()),
    ],
)
def test_who_but_the_operator_may_write(topic: str, writers: set[Component]) -> None:
    assert holders(topic, WRITE) == writers


def test_an_agent_can_neither_read_usage_nor_see_what_others_spend() -> None:
    assert may(Component.PUBLISHER, ResourceType.TOPIC) == {"t.usage": {WRITE, AclOperation.DESCRIBE}}


def test_the_projector_does_not_read_usage() -> None:
    assert READ not in may(Component.PROJECTOR, ResourceType.TOPIC)["t.usage"]


@pytest.mark.parametrize(
    ("refresh", "found"), [(None, {"app-0", "app-1", "app-2"}), ("https://x", {"app-catalogue"})], ids=["off", "on"]
)
def test_a_worker_may_use_the_ids_of_its_partitions(refresh: str | None, found: set[str]) -> None:
    ids = may(Component.WORKER, ResourceType.TRANSACTIONAL_ID, catalogue_refresh=refresh)
    assert found <= ids.keys()
    assert ("app-catalogue" in ids) == (refresh is not None)
    written = may(Component.WORKER, ResourceType.TOPIC, catalogue_refresh=refresh)["t.catalogues"]
    assert (WRITE in written) == (refresh is not None)


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ([], []),
        (["app-notify-hook"], ["group app-notify-hook"]),
        (["app-notify-hook", "another"], ["group app-notify-hook"]),
    ],
    ids=["none", "one", "of somebody else"],
)
def test_a_beginning_is_asked_about_by_the_names_that_are_used(names: list[str], asked: list[str]) -> None:
    grants = needed(Component.NOTIFY, SETTINGS, names)
    assert [one.resource for one in grants if one.kind is ResourceType.GROUP] == asked
    assert not any(one.prefixed for one in grants)


def test_what_is_asked_about_is_not_whether_configurations_can_be_read() -> None:
    def asks(grants: list[Grant]) -> bool:
        return any(AclOperation.DESCRIBE_CONFIGS in grant.operations for grant in grants)

    assert asks(grants_of(Component.DETECT, SETTINGS))
    assert not asks(needed(Component.DETECT, SETTINGS))
