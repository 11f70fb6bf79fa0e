"""Topics are made as the catalogue wants them, and what stands in the way is named."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from burnline.settings import Settings
from burnline.topics.catalogue import TIMESTAMP_TYPE, topics_for
from burnline.topics.ensure import Difference, ensure_topics, loses
from burnline.topics.errors import BrokerSilent, TopicCreationFailed, TopicMismatch
from tests.brokers import MakeSettings
from tests.topics.making import TIMEOUT_S, admin, make_topic


def _partitions(settings: Settings) -> dict[str, int]:
    topics = admin(settings).list_topics(timeout=TIMEOUT_S).topics
    own = {name: topic for name, topic in topics.items() if name.startswith(settings.topic_prefix)}
    return {name.removeprefix(settings.topic_prefix): len(topic.partitions) for name, topic in own.items()}


def test_every_topic_is_created_with_its_partitions(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=3)
    outcomes = ensure_topics(settings)
    assert [outcome.spec for outcome in outcomes] == list(topics_for(settings))
    assert all(outcome.created for outcome in outcomes)
    wanted = {spec.name.removeprefix(settings.topic_prefix): spec.partitions for spec in topics_for(settings)}
    assert _partitions(settings) == wanted
    assert wanted["usage"] == wanted["sessions"] == 3
    assert wanted["baselines"] == wanted["valuation-rates"] == 1


def test_a_second_time_changes_nothing_and_finds_no_difference(settings: Settings) -> None:
    ensure_topics(settings)
    outcomes = ensure_topics(settings)
    assert not any(outcome.created for outcome in outcomes)
    assert all(outcome.differences == () for outcome in outcomes)


def test_every_mismatch_is_named_and_nothing_is_created(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=2)
    usage = make_topic(settings, "usage", partitions=3)
    rates = make_topic(settings, "valuation-rates", partitions=2)
    with pytest.raises(TopicMismatch) as raised:
        ensure_topics(settings)
    assert raised.value.mistakes == [
        f"Topic {usage} has 3 partitions, wanted are 2.",
        f"Topic {rates} has 2 partitions, wanted are 1.",
    ]
    assert _partitions(settings) == {"usage": 3, "valuation-rates": 2}


def test_topics_that_lack_partitions_grow_where_that_is_asked_for(make_settings: MakeSettings) -> None:
    small = make_settings(partitions=2)
    ensure_topics(small)
    large = small.model_copy(update={"partitions": 4})
    with pytest.raises(TopicMismatch) as raised:
        ensure_topics(large)
    grows = [spec.name for spec in topics_for(large) if spec.partitions == 4]
    told = "has 2 partitions, wanted are 4. `burnline topics ensure --grow` adds what is missing."
    assert raised.value.mistakes == [f"Topic {name} {told}" for name in grows]
    mended = {outcome.spec.name: outcome.mended for outcome in ensure_topics(large, grow=True)}
    assert {name for name, found in mended.items() if found} == set(grows)
    assert mended[grows[0]] == (Difference("partitions", "2", "4"),)
    assert _partitions(large)["usage"] == _partitions(large)["sessions"] == 4
    assert not any(outcome.mended for outcome in ensure_topics(large, grow=True))
    with pytest.raises(TopicMismatch, match="has 4 partitions, wanted are 2"):
        ensure_topics(small, grow=True)


def test_other_configurations_are_told_and_left(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=1)
    usage = make_topic(settings, "usage", config={"cleanup.policy": "delete", "retention.ms": "3600000"})
    found = {outcome.spec.name: outcome for outcome in ensure_topics(settings)}
    assert not found[usage].created
    assert Difference("retention.ms", "3600000", "604800000") in found[usage].differences
    assert (
        Difference("retention.ms", "3600000", "604800000")
        in {outcome.spec.name: outcome for outcome in ensure_topics(settings)}[usage].differences
    )


def test_a_topic_that_is_cut_by_size_is_told(make_settings: MakeSettings) -> None:
    """By the brokers' own default (log.retention.bytes), or made so: reports would lose days that should be kept."""
    settings = make_settings(partitions=1)
    config = {"cleanup.policy": "compact,delete", "retention.ms": str(400 * 86_400_000), "retention.bytes": "1048576"}
    rollups = make_topic(settings, "usage-rollups", config=config)
    found = {outcome.spec.name: outcome for outcome in ensure_topics(settings)}
    assert Difference("retention.bytes", "1048576", "-1") in found[rollups].differences


@pytest.mark.parametrize(
    ("name", "policy", "wanted"),
    [
        pytest.param(name, "delete", "compact", id=name)
        for name in ("sessions", "progress", "rollups", "event-ids", "baselines", "valuation-rates")
    ]
    + [
        pytest.param("usage-rollups", "delete", "compact,delete", id="usage-rollups"),
        pytest.param("usage", "compact", "delete", id="usage"),
        pytest.param("dead-letters", "compact,delete", "delete", id="dead-letters"),
    ],
)
def test_a_cleanup_policy_that_loses_what_counts_is_refused(
    settings: Settings, name: str, policy: str, wanted: str
) -> None:
    """As a topic has it that was made beforehand, with the brokers' defaults."""
    spec = next(spec for spec in topics_for(settings) if spec.name == settings.topic_prefix + name)
    topic = make_topic(settings, name, partitions=spec.partitions, config={"cleanup.policy": policy})
    with pytest.raises(TopicMismatch, match=f"Topic {topic} has cleanup.policy={policy}, wanted is {wanted}"):
        ensure_topics(settings)


@pytest.mark.parametrize(
    ("found", "wanted", "refused"),
    [
        ("compact", "compact", False),
        ("delete", "compact", True),
        ("compact,delete", "compact", True),
        ("compact", "compact,delete", False),
        ("delete", "compact,delete", True),
        ("delete, compact", "compact,delete", False),
        ("delete", "delete", False),
        ("compact", "delete", True),
        ("compact,delete", "delete", True),
    ],
)
def test_which_cleanup_policies_lose(found: str, wanted: str, refused: bool) -> None:  # noqa: FBT001
    assert loses(found, wanted) == refused


@pytest.mark.needs("log-append-time")
def test_whose_time_stands_in_usage_is_set(make_settings: MakeSettings) -> None:
    """A topic of before, or one that a publisher's first record made: events are judged by the log's time alone."""
    settings = make_settings(partitions=1)
    usage = make_topic(settings, "usage", config={TIMESTAMP_TYPE: "CreateTime"})
    mended = {outcome.spec.name: outcome.mended for outcome in ensure_topics(settings)}
    assert mended == dict.fromkeys(mended, ()) | {usage: (Difference(TIMESTAMP_TYPE, "CreateTime", "LogAppendTime"),)}
    again = {outcome.spec.name: outcome for outcome in ensure_topics(settings)}[usage]
    assert again.mended == ()
    assert TIMESTAMP_TYPE not in {difference.config for difference in again.differences}


def test_another_number_of_replicas_is_told(make_settings: MakeSettings) -> None:
    ensure_topics(make_settings(partitions=1))
    outcomes = ensure_topics(make_settings(partitions=1, replication_factor=3))
    assert all(Difference("replication.factor", "1", "3") in outcome.differences for outcome in outcomes)


@pytest.mark.needs("replication")
def test_a_refusal_names_every_topic(make_settings: MakeSettings) -> None:
    settings = make_settings(replication_factor=3)  # of one broker
    with pytest.raises(TopicCreationFailed) as raised:
        ensure_topics(settings)
    assert len(raised.value.mistakes) == len(topics_for(settings))
    assert raised.value.mistakes[0].startswith(f"Topic {settings.topic_prefix}usage could not be created: ")


def test_many_at_once_agree(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(ensure_topics, [settings] * 4))
    for index, spec in enumerate(topics_for(settings)):
        assert sum(result[index].created for result in results) == 1, spec.name


def test_no_broker_is_an_error_within_the_time_given(make_settings: MakeSettings) -> None:
    nobody = make_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerSilent, match="did not say which topics there are"):
        ensure_topics(nobody, timeout_s=0.5)
