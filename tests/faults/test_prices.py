"""Rates change while workers die: what was charged stays charged, and no event is charged twice."""

import pytest

from burnline.kafka import client_config
from burnline.pricing.valuation import ValuationRate
from burnline.topics.compacted import write_key
from tests.faults.conftest import OpenStage
from tests.faults.load import PRICES, Expected, Sums
from tests.faults.play import begin, settle

pytestmark = pytest.mark.faults

MODEL = "claude-sonnet-4-5"
DEARER = ValuationRate(
    provider="*",
    model=MODEL,
    effective_from=0,
    input_usd_per_million_tokens="7.5",
    cached_input_usd_per_million_tokens="0.75",
    output_usd_per_million_tokens="33.25",
)
PICO_PER_TOKEN = (7_500_000, 750_000, 33_250_000)


def test_a_new_rate_leaves_alone_what_was_charged(open_stage: OpenStage) -> None:
    """All workers are killed, a rate that holds since ever is published, and they start again."""
    with open_stage(workers=2) as stage:
        begin(stage)
        stage.publisher.wait_sent(20_000, timeout_s=60)
        before = stage.publisher.pause()
        stage.progress.drain(timeout_s=60, check=stage.fleet.check)
        stage.fleet.kill()
        write_key(
            client_config(stage.settings),
            stage.topics.valuation_rates,
            DEARER.key(),
            DEARER.model_dump_json(exclude_none=True).encode(),
            timeout_s=30,
        )
        for slot in stage.fleet.slots:
            slot.start()
        stage.fleet.wait_ready()
        stage.publisher.go_on()
        stage.publisher.wait_sent(stage.publisher.sent + 20_000, timeout_s=60)
        stage.fleet.slots[0].kill()
        stage.fleet.slots[0].start()

        def expected(rounds: int) -> Expected:
            load = stage.publisher.load
            old = load.sums(range(before))
            new = load.sums(range(before, rounds), {**PRICES, MODEL: PICO_PER_TOKEN})
            both = {key: old.get(key, Sums()).plus(new.get(key, Sums())) for key in old.keys() | new.keys()}
            return load.expected(rounds)._replace(sums=both)

        settle(stage, expected=expected)
