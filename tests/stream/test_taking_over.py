"""A partition that cannot be taken over stands still alone, is looked at again, and goes on when it is mended."""

import asyncio
import logging
import re

import pytest
from prometheus_client import CollectorRegistry

from burnline.settings import Settings
from burnline.stream import refusals
from burnline.stream import shards as module
from burnline.stream.writer import TransactionalWriter
from burnline.topics.ensure import ensure_topics
from burnline.topics.refusal import Cause, Refusal, Refused
from tests.brokers import MakeSettings
from tests.stream.test_shards import shards_of

pytestmark = pytest.mark.broker

REFUSAL = Refusal(Cause.NOT_AUTHORISED, "transactional id x-1", "taking over is refused", "grant WRITE on it")


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    settings = make_settings(partitions=2, kernel="python")
    ensure_topics(settings)
    return settings


@pytest.fixture
def fence(monkeypatch: pytest.MonkeyPatch) -> dict[int, Refusal]:
    """What is refused, by partition; the others are fenced."""
    refused: dict[int, Refusal] = {}
    real = TransactionalWriter.fence

    def fence(writer: TransactionalWriter) -> None:
        if writer.partition in refused:
            raise Refused(refused[writer.partition])
        real(writer)

    monkeypatch.setattr(TransactionalWriter, "fence", fence)
    monkeypatch.setattr(refusals, "FIRST_RETRY_S", 0.0)
    return refused


def test_the_others_go_on_and_it_heals_without_a_restart(
    settings: Settings, fence: dict[int, Refusal], caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    shards = shards_of(settings, registry)
    fence[1] = REFUSAL

    async def scenario() -> None:
        await shards.own([0, 1])
        assert (shards.next_offset(0), shards.next_offset(1)) == (0, None)
        assert shards.refused.all() == {1: REFUSAL}
        labels = {"cause": "not_authorised", "resource": "transactional id x-1"}
        assert registry.get_sample_value("burnline_refused", labels) == 1
        await shards.look_again()
        assert shards.next_offset(1) is None
        fence.clear()
        await shards.look_again()
        assert (shards.next_offset(0), shards.next_offset(1)) == (0, 0)
        assert registry.get_sample_value("burnline_refused", labels) is None
        assert registry.get_sample_value("burnline_partitions_refused") == 0

    with caplog.at_level(logging.WARNING, logger=module.__name__):
        asyncio.run(scenario())
    assert [re.sub(r"\d+ s$", "N s", one.getMessage()) for one in caplog.records if one.name == module.__name__] == [
        "partition 1 is not read any further: taking over is refused; grant WRITE on it",
        "partition 1 goes on after N s",
    ]


def test_what_cannot_heal_waits_for_the_next_owner(settings: Settings, fence: dict[int, Refusal]) -> None:
    shards = shards_of(settings)
    fence[1] = REFUSAL._replace(heals=False)

    async def scenario() -> None:
        await shards.own([0, 1])
        fence.clear()
        await shards.look_again()
        assert shards.next_offset(1) is None
        await shards.own([0, 1])
        assert (shards.next_offset(1), len(shards.refused)) == (0, 0)

    asyncio.run(scenario())
