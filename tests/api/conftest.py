"""The API over a projection in a real Redis.

`reader` only reads and asks no broker; `ours` are settings of an API that also writes, to a real one; `api` is the live
part's, over ledgers of a real partition. Where a module wants another `api` or `projection` it has its own.
"""

from collections.abc import Iterator

import pytest

from burnline.settings import Settings, load_settings
from burnline.topics.ensure import ensure_topics
from tests.api import live
from tests.api.stage import Api, Projection, serving
from tests.brokers import MakeSettings


@pytest.fixture
def reading(redis_url: str) -> Settings:
    """Settings of an API that only reads."""
    return load_settings(redis_url=redis_url, kafka_bootstrap_servers="127.0.0.1:1")


@pytest.fixture
def projected(reading: Settings) -> Projection:
    """A projection of its own, with one partition's progress and nothing else."""
    projection = Projection(reading)
    projection.progress()
    return projection


@pytest.fixture
def reader(reading: Settings, projected: Projection) -> Iterator[Api]:
    """The API over it."""
    with serving(reading) as api:
        yield api


@pytest.fixture
def ours(make_settings: MakeSettings, redis_url: str) -> Settings:
    """Settings of an API that writes, whose topics are there."""
    settings = make_settings(redis_url=redis_url)
    ensure_topics(settings)
    return settings


@pytest.fixture
def projection(redis_url: str) -> Iterator[live.Projection]:
    """A projection with the ledgers of a partition."""
    with live.projection_in(redis_url) as one:
        yield one


@pytest.fixture
def clock() -> live.Clock:
    """The wall clock of `api`."""
    return live.Clock()


@pytest.fixture
def api(redis_url: str, projection: live.Projection, clock: live.Clock) -> Iterator[live.Caller]:
    """The live part over `projection`."""
    with live.live_api(redis_url, clock) as caller:
        yield caller
