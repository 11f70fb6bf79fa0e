"""What a price list would change."""

from typing import Any

import pytest

from burnline.pricing.book import RateBook
from burnline.pricing.lists import Listed, PriceListError
from burnline.pricing.renewal import Renewal, imported, renewal
from burnline.pricing.valuation import ValuationRate

NOW_MS = 1_795_845_077_002
BOOK = RateBook.bundled()


def listed(provider: str = "openai", model: str = "gpt-4o", **rates: str) -> Listed:
    return Listed(provider, model, {f"{part}_usd_per_million_tokens": usd for part, usd in rates.items()})


def found(*entries: Listed, book: RateBook = BOOK, by_hand: RateBook = BOOK) -> Renewal:
    return renewal(entries, book, by_hand, effective_from=0, now_ms=NOW_MS, of="list.json")


def own(note: str | None, **fields: Any) -> ValuationRate:
    plain = {"provider": "openai", "model": "gpt-4o", "effective_from": 0, "note": note}
    rates = {"input_usd_per_million_tokens": "1", "output_usd_per_million_tokens": "1"}
    return ValuationRate.model_validate({**plain, **(fields or rates)})


SAME = listed(input="2.5", output="10", cached_input="1.25")


@pytest.mark.parametrize(
    ("entry", "key", "new"),
    [
        pytest.param(listed(input="2", output="10"), "openai/gpt-4o@0", False, id="cheaper"),
        pytest.param(
            listed("azure_ai", "gpt-4o", input="2", output="9"), "azure/gpt-4o@0", False, id="another spelling"
        ),
        pytest.param(listed("vertex_ai-x", "gemini/m", input="2"), "vertex_ai-x/gemini/m@0", True, id="unknown host"),
        pytest.param(listed("gemini", "gemini/made-up", input="2"), "google/made-up@0", True, id="provider said twice"),
        pytest.param(listed("a/b", "m", input="2"), "a-b/m@0", True, id="a slash in the provider"),
    ],
)
def test_a_difference_is_a_rate(entry: Listed, key: str, new: bool) -> None:  # noqa: FBT001  # a case's outcome
    (change,) = found(entry).changes
    assert (change.rate.key(), change.new, change.doubts) == (key, new, ())
    assert change.rate.note == "imported from list.json"
    assert imported(change.rate)


def test_what_is_the_same_changes_nothing() -> None:
    assert found(SAME) == Renewal([], 1, [])


def test_output_that_a_list_does_not_say_stays() -> None:
    (change,) = found(listed(input="2")).changes
    assert change.rate.output_usd_per_million_tokens == "10"


@pytest.mark.parametrize(
    ("rate", "kept"),
    [
        pytest.param(own("a contract"), ["openai/gpt-4o"], id="a rate"),
        pytest.param(own(None, multiplier="0.9"), ["openai/gpt-4o"], id="a discount"),
        pytest.param(own("imported from old.json"), [], id="an older list gives way"),
    ],
)
def test_what_was_set_by_hand_stays(rate: ValuationRate, kept: list[str]) -> None:
    by_hand = BOOK.with_overrides([] if imported(rate) else [rate])
    renewed = found(SAME, book=BOOK.with_overrides([rate]), by_hand=by_hand)
    assert renewed.kept == kept
    assert len(renewed.changes) == 1 - len(kept)


def test_what_the_catalogue_had_wrong_stays() -> None:
    assert found(listed("deepseek", "deepseek-chat", input="9", output="9")).kept == ["deepseek/deepseek-chat"]


@pytest.mark.parametrize(
    ("rates", "fields"),
    [
        pytest.param({"input": "2500", "output": "10"}, ["input"], id="a thousand times"),
        pytest.param({"input": "2499", "output": "10"}, [], id="a little less"),
        pytest.param({"input": "0", "output": "10"}, ["input"], id="nothing"),
        pytest.param({"input": "2", "output": "10", "cached_input": "0"}, [], id="a part that is not charged apart"),
    ],
)
def test_rates_that_are_far_off_are_doubted(rates: dict[str, str], fields: list[str]) -> None:
    (change,) = found(listed(**rates)).changes
    assert [doubt.field.removesuffix("_usd_per_million_tokens") for doubt in change.doubts] == fields


def test_an_entry_that_is_no_rate_is_named() -> None:
    with pytest.raises(PriceListError, match=r"nobody/m: input_usd_per_million_tokens='1000001'"):
        found(listed("nobody", "m", input="1000001"))
