"""Money: exact text both ways."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.money import MAX_TEXT, PICO_PER_USD, amount_text, pico_from_text, usd_text


@pytest.mark.parametrize(
    ("pico_usd", "text"),
    [
        pytest.param(0, "0", id="zero"),
        pytest.param(1, "0.000000000001", id="one pico"),
        pytest.param(-1, "-0.000000000001", id="minus one pico"),
        pytest.param(410_000_000_000, "0.41", id="cents"),
        pytest.param(-1_500_000_000_000, "-1.5", id="negative"),
        pytest.param(12 * PICO_PER_USD, "12", id="whole"),
        pytest.param(100 * PICO_PER_USD, "100", id="whole with zeros at its end"),
        pytest.param(PICO_PER_USD + 10, "1.00000000001", id="zeros inside are kept"),
    ],
)
def test_amounts_are_written_and_read_exactly(pico_usd: int, text: str) -> None:
    assert usd_text(pico_usd) == text
    assert pico_from_text(text) == pico_usd


@pytest.mark.parametrize(
    ("text", "pico_usd"),
    [
        pytest.param("0.000000000000", 0, id="twelve decimals"),
        pytest.param("-0", 0, id="minus zero"),
        pytest.param("007.50", 7_500_000_000_000, id="zeros around"),
    ],
)
def test_longer_spellings_are_read(text: str, pico_usd: int) -> None:
    assert pico_from_text(text) == pico_usd


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("0.0000000000001", id="thirteen decimals"),
        pytest.param("0.1000000000000", id="thirteen decimals, the last a zero"),
        pytest.param("1e3", id="exponent"),
        pytest.param("+1", id="plus"),
        pytest.param(" 1", id="blank before"),
        pytest.param("1\n", id="line end"),
        pytest.param(".5", id="no whole part"),
        pytest.param("5.", id="no decimals"),
        pytest.param("1,5", id="comma"),
        pytest.param("NaN", id="not a number"),
        pytest.param("٣", id="other digits"),
        pytest.param("--1", id="two signs"),
        pytest.param("9" * (MAX_TEXT + 1), id="too long"),
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="USD") as refused:
        pico_from_text(text)
    assert repr(text[:MAX_TEXT]) in str(refused.value)


@given(st.integers(min_value=-(10**40), max_value=10**40))
def test_text_says_what_decimal_says(pico_usd: int) -> None:
    text = usd_text(pico_usd)
    assert pico_from_text(text) == pico_usd
    with localcontext(prec=80):
        assert Decimal(text) == Decimal(pico_usd).scaleb(-12)
    assert "." not in text or not text.endswith(("0", "."))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("2.50", "2.5", id="text is shortened"),
        pytest.param(3, "3", id="whole number"),
        pytest.param(Decimal("0.15"), "0.15", id="decimal"),
        pytest.param(Decimal("2E+1"), "20", id="decimal with an exponent"),
        pytest.param(Decimal("0E+3"), "0", id="zero with an exponent"),
    ],
)
def test_amounts_out_of_json(value: object, text: str) -> None:
    assert amount_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(True, id="bool"),
        pytest.param(0.15, id="float"),
        pytest.param(None, id="null"),
        pytest.param([], id="array"),
        pytest.param("2e1", id="text with an exponent"),
        pytest.param(Decimal("1E+1000000"), id="huge exponent"),
        pytest.param(Decimal("1E-1000000"), id="tiny exponent"),
        pytest.param(Decimal("NaN"), id="NaN"),
        pytest.param(Decimal("Infinity"), id="infinity"),
        pytest.param(10**5000, id="endless number"),
    ],
)
def test_no_amounts_out_of_json(value: object) -> None:
    with pytest.raises(ValueError, match=r"not an amount|finer"):
        amount_text(value)
