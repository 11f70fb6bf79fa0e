"""Which catalogue a worker prices by: that of the topic if there is one, else its own, and it says which."""

import logging
from decimal import Decimal

import pytest
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider
from prometheus_client import CollectorRegistry

from burnline.metrics import WorkerMetrics
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import IN_FORCE, records_of
from burnline.pricing.valuation import ValuationRate
from burnline.stream.reference import FollowedCatalogue, follow_rates
from tests.ledger.examples import policy

TOPIC = "finops.catalogues"
BUNDLED = Catalogue.bundled()
NOW_MS = 1_795_845_077_002
OWN = ValuationRate(
    provider="*", model="own", effective_from=0, input_usd_per_million_tokens="7", output_usd_per_million_tokens="0"
)


def priced_at(usd: int) -> Catalogue:
    prices = ModelPrice(input_mtok=Decimal(usd))
    return Catalogue([Provider("maker", "", "", models=[ModelInfo("m", ClauseEquals("m"), prices=prices)])], source="l")


class Followed:
    """A worker's prices, following two topics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.policy = policy()
        metrics = WorkerMetrics(self.registry, label_limit=10)
        self.rates = follow_rates("finops.valuation-rates", self.policy, metrics)
        self.catalogue = FollowedCatalogue(TOPIC, self.policy, metrics, lambda: NOW_MS)
        self.catalogue.replace({})

    def publish(self, catalogue: Catalogue) -> None:
        """Records as the transaction of an import holds them."""
        for key, value in records_of(catalogue, since_ms=NOW_MS, as_of_ms=60_000).items():
            self.catalogue.change(key.encode(), value)

    def input_of(self, model: str) -> int:
        """Pico-USD per token."""
        (tier,) = self.policy.book.resolve(None, model, NOW_MS).tiers
        return tier.input

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"burnline_{name}", labels)


@pytest.fixture
def followed() -> Followed:
    return Followed()


def test_without_one_on_the_topic_it_is_the_bundled_one(followed: Followed) -> None:
    assert followed.policy.book.catalogue is BUNDLED
    info = {"version": BUNDLED.version, "source": BUNDLED.source}
    assert followed.metric("catalogue_info", **info) == 1
    as_of_s = followed.metric("catalogue_as_of_timestamp_seconds")
    assert as_of_s is not None
    assert 0 < as_of_s < NOW_MS / 1000


def test_what_comes_into_force_prices_the_next_event_and_is_told(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    followed.publish(priced_at(3))
    followed.publish(priced_at(4))
    now = priced_at(4).version
    assert followed.input_of("m") == 4_000_000
    assert followed.metric("catalogue_info", version=now, source="l") == 1
    assert followed.metric("catalogue_info", version=BUNDLED.version, source=BUNDLED.source) is None
    assert followed.metric("catalogue_as_of_timestamp_seconds") == 60
    assert f"prices are those of catalogue {now} (l), of the topic" in caplog.messages
    assert any(f"installed is catalogue {BUNDLED.version}" in line for line in caplog.messages)


def test_a_restart_with_another_wheel_changes_no_price(followed: Followed) -> None:
    """The topic goes before what is installed."""
    records = records_of(priced_at(3), since_ms=NOW_MS, as_of_ms=1)
    followed.catalogue.replace({key.encode(): value for key, value in records.items()})
    assert followed.policy.book.catalogue_version == priced_at(3).version


def test_when_the_record_is_deleted_it_is_the_bundled_one_again(followed: Followed) -> None:
    followed.publish(priced_at(3))
    followed.catalogue.change(IN_FORCE.encode(), None)
    assert followed.policy.book.catalogue is BUNDLED


@pytest.mark.parametrize("rates_first", [True, False], ids=["rates first", "catalogue first"])
def test_rates_and_catalogue_come_in_any_order(followed: Followed, rates_first: bool) -> None:  # noqa: FBT001
    def set_rate() -> None:
        followed.rates.replace({OWN.key().encode(): OWN.model_dump_json(exclude_none=True).encode()})

    if rates_first:
        set_rate()
    followed.publish(priced_at(3))
    if not rates_first:
        set_rate()
    assert (followed.input_of("own"), followed.input_of("m")) == (7_000_000, 3_000_000)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param({IN_FORCE: b"{}"}, id="no record"),
        pytest.param({IN_FORCE: records_of(priced_at(9), since_ms=1, as_of_ms=1)[IN_FORCE]}, id="no catalogue"),
        pytest.param({**records_of(priced_at(9), since_ms=1, as_of_ms=1), priced_at(9).version: b"x"}, id="damaged"),
    ],
)
def test_what_cannot_be_used_changes_nothing_while_it_runs_and_is_loud(
    followed: Followed, records: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    followed.publish(priced_at(3))
    for key, value in sorted(records.items(), key=lambda item: item[0] == IN_FORCE):
        followed.catalogue.change(key.encode(), value)
    assert followed.input_of("m") == 3_000_000
    assert followed.metric("reference_errors_total", topic=TOPIC) == 1
    assert any(f"catalogue {priced_at(3).version} stays in force" in line for line in caplog.messages)


def test_a_worker_that_cannot_price_as_the_others_do_does_not_start(followed: Followed) -> None:
    with pytest.raises(CatalogueError, match="record 'in-force'"):
        followed.catalogue.replace({IN_FORCE.encode(): b"{}"})


def test_what_is_in_force_already_keeps_its_cards(followed: Followed) -> None:
    """A rebalance reads the topic anew."""
    followed.publish(priced_at(3))
    version = followed.policy.rates_version
    records = records_of(priced_at(3), since_ms=NOW_MS, as_of_ms=1)
    followed.catalogue.replace({key.encode(): value for key, value in records.items()})
    assert followed.policy.rates_version == version
