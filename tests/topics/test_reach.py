"""A wrong address is told within three seconds, with the setting to change."""

import logging
import socket
import time
from collections.abc import Iterator

import pytest

from burnline.settings import Settings, load_settings
from burnline.topics.errors import BrokerSilent
from burnline.topics.reach import BrokersUnreachable, reach_brokers, say_when_unreached


@pytest.fixture
def refused() -> Iterator[str]:
    """An address that is held, and refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_brokers_that_answer_are_counted(settings: Settings) -> None:
    assert reach_brokers(settings, timeout_s=30) == 1


def test_one_that_answers_is_enough(settings: Settings, refused: str) -> None:
    servers = f"{refused},{settings.kafka_bootstrap_servers}"
    assert reach_brokers(settings.model_copy(update={"kafka_bootstrap_servers": servers}), timeout_s=30) == 1


def test_a_refused_connection_is_told_with_the_setting(refused: str) -> None:
    started_s = time.monotonic()
    with pytest.raises(BrokersUnreachable) as told:
        reach_brokers(load_settings(kafka_bootstrap_servers=refused))
    assert time.monotonic() - started_s < 10  # 2.5 s on a machine that has time
    assert str(told.value).startswith(f"No broker answers at {refused} (")
    assert "Connection refused" in str(told.value)
    assert str(told.value).endswith("Where they are says BURNLINE_KAFKA_BOOTSTRAP_SERVERS.")


def test_a_name_that_nobody_knows_is_told_with_the_setting() -> None:
    with pytest.raises(BrokersUnreachable, match=r"resolve.*BURNLINE_KAFKA_BOOTSTRAP_SERVERS\.$"):
        reach_brokers(load_settings(kafka_bootstrap_servers="no-such-host.invalid:9092"))


def test_silence_is_told_apart(silent: str) -> None:
    with pytest.raises(BrokerSilent, match=r"within 2\.5 s") as told:
        reach_brokers(load_settings(kafka_bootstrap_servers=silent))
    assert not isinstance(told.value, BrokersUnreachable)


def test_what_serves_is_warned_and_not_held_up(refused: str, caplog: pytest.LogCaptureFixture) -> None:
    say_when_unreached(load_settings(kafka_bootstrap_servers=refused))
    deadline_s = time.monotonic() + 30
    while not caplog.records and time.monotonic() < deadline_s:
        time.sleep(0.05)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().endswith("BURNLINE_KAFKA_BOOTSTRAP_SERVERS. Waiting for them.")
