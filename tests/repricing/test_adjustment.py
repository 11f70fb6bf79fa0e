"""An adjustment's record: its key says what it adjusts, and nothing else."""

import json

import pytest

from burnline.pricing.money import PICO_PER_USD
from burnline.repricing.adjustment import Adjustment, AdjustmentError, Priced, PricedBy
from burnline.schema_examples import ADJUSTMENT

ROW = (1_759_999_500_000, "acme", "a", None, "p/1", "", "gpt-4o", "llm")
BY = PricedBy("0f3a9c1be2d4", 1_760_000_000_000)


def adjustment(charged: int = 2, corrected: int = 5, by: PricedBy = BY) -> Adjustment:
    return Adjustment.of(3, ROW, 7, Priced(charged, 0), Priced(corrected, 0), by)


def test_it_comes_back_as_it_was_written() -> None:
    written = adjustment()
    assert Adjustment.parse(written.key(), written.model_dump_json()) == written
    assert written.key() == '[3,1759999500000,"acme","a",null,"p/1","","gpt-4o","llm"]'


def test_the_example_is_one() -> None:
    example = Adjustment.model_validate(ADJUSTMENT)
    assert example.difference_pico_usd == -2 * PICO_PER_USD // 1000


def test_whether_it_says_the_same_does_not_depend_on_when() -> None:
    later = PricedBy(BY.price_version, BY.at_ms + 1)
    assert adjustment().says_the_same(adjustment(by=later))
    assert not adjustment().says_the_same(adjustment(corrected=6))
    assert not adjustment().says_the_same(adjustment(by=PricedBy("ffffffffffff", BY.at_ms)))


@pytest.mark.parametrize(
    ("key", "change", "named"),
    [
        pytest.param(None, {"events": 0}, "events", id="no-events"),
        pytest.param(None, {"charged_usd": "1e3"}, "charged_usd", id="no-amount"),
        pytest.param(None, {"quarter_start_ms": 1}, "quarter_start_ms", id="no-quarter"),
        pytest.param(None, {"extra": 1}, "extra", id="an-unknown-field"),
        pytest.param("[1]", {}, "make the key", id="another-key"),
    ],
)
def test_what_is_none_is_refused_by_name(key: str | None, change: dict[str, object], named: str) -> None:
    fields = {**adjustment().model_dump(mode="json"), **change}
    with pytest.raises(AdjustmentError, match=named):
        Adjustment.parse(key or adjustment().key(), json.dumps(fields))
