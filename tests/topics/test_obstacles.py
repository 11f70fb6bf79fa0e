"""What keeps a worker from starting, where no broker answers at all."""

from collections.abc import Callable

import pytest

from burnline.embedded.ports import free_ports
from burnline.settings import Settings
from burnline.topics import obstacles
from burnline.topics.refusal import Refusal


def test_brokers_that_do_not_answer_are_asked_nothing_about_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask one that goes away meanwhile aborts the process, inside librdkafka."""
    monkeypatch.setattr(obstacles, "TIMEOUT_S", 0.3)
    asked: list[str] = []

    def question(name: str) -> Callable[..., list[Refusal]]:
        def ask(*_: object) -> list[Refusal]:
            asked.append(name)
            return []

        return ask

    monkeypatch.setattr(obstacles, "missing_rights", question("rights"))
    monkeypatch.setattr(obstacles, "group_obstacles", question("group"))
    (port,) = free_ports(1)
    settings = Settings(kafka_bootstrap_servers=f"127.0.0.1:{port}", topic_prefix="none.")
    assert obstacles.find_obstacles(settings) == []
    assert asked == []
