"""Another catalogue comes into force: from which event on, and that the progress says so."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider

from burnline.ledger.identity import ledger_key
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.policy import Policy
from burnline.ledger.progress import charged_by
from burnline.native.ledger import NativePartitionLedger
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.valuation import ValuationRate
from tests.ledger.examples import PARTITION, RETENTION, TOPIC, policy, publish, usage

Kind = Callable[[str, int, Policy, Retention], PartitionLedger]
both = pytest.mark.parametrize(
    "kind", [pytest.param(PartitionLedger, id="python"), pytest.param(NativePartitionLedger, id="kernel")]
)
MILLI = 10**9
USD = Decimal(30)


OTHER = Catalogue(
    [
        Provider(
            "openai", "", "", models=[ModelInfo("gpt-4o", ClauseEquals("gpt-4o"), prices=ModelPrice(input_mtok=USD))]
        )
    ]
)
"""It knows one model, at 30 USD per million tokens; the bundled one has it at 2.50."""


@both
def test_events_after_the_change_cost_what_the_new_catalogue_says(kind: Kind) -> None:
    of = policy()
    partition = kind(TOPIC, PARTITION, of, RETENTION)
    partition.restore(None)
    old = of.book.catalogue_version
    publish(partition, *(usage(event_id=f"a-{number}") for number in range(3)))
    of.set_catalogue(OTHER)
    new = of.book.catalogue_version
    publish(partition, *(usage(event_id=f"b-{number}") for number in range(2)))
    found = partition.get(ledger_key("acme", "s-1"))
    assert found is not None
    assert found.models["gpt-4o"].cost_pico_usd == (3 * 25 + 2 * 300) * MILLI
    known = partition.progress(0).catalogues
    assert [charged_by(known, offset) for offset in range(5)] == [old] * 3 + [new] * 2
    assert partition.take_changes(0).progress.catalogues == known


@both
def test_set_rates_stay_above_another_catalogue(kind: Kind) -> None:
    of = policy()
    own = ValuationRate(
        provider="*", model="gpt-4o", effective_from=0,
        input_usd_per_million_tokens="7", output_usd_per_million_tokens="0",
    )  # fmt: skip
    of.set_book(of.book.with_overrides([own]))
    partition = kind(TOPIC, PARTITION, of, RETENTION)
    partition.restore(None)
    of.set_catalogue(OTHER)
    publish(partition, usage())
    found = partition.get(ledger_key("acme", "s-1"))
    assert found is not None
    assert found.models["gpt-4o"].cost_pico_usd == 70 * MILLI


@both
def test_one_that_no_event_was_charged_by_leaves_no_trace(kind: Kind) -> None:
    of = policy()
    partition = kind(TOPIC, PARTITION, of, RETENTION)
    partition.restore(None)
    bundled = of.book.catalogue
    publish(partition, usage(event_id="a"))
    of.set_catalogue(OTHER)
    of.set_catalogue(bundled)
    publish(partition, usage(event_id="b"))
    assert [each.version for each in partition.progress(0).catalogues] == [bundled.version]
