"""A provider that answers on this machine, and a publisher that keeps what it is given."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.metering.stub import Provider, provider


class Kept:
    """Takes events as a publisher does, and keeps them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def publish(self, event: Mapping[str, Any], /) -> bool:
        self.events.append(dict(event))
        return True


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running
