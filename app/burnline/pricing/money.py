"""Money as Burnline holds it: integers of 10^-12 USD (pico-USD), and exact decimal text at the edges."""

import re
from decimal import Decimal

PICO_PER_USD = 10**12
DECIMALS = 12
MAX_TEXT = 64
"""Longest text that is read as money; beyond it there is no sum that Burnline could have written."""

_PLAIN = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")


def usd_text(pico_usd: int) -> str:
    """Write pico-USD as USD: plain, exact and as short as it can be ("0", "0.41", "-1.5", "12")."""
    sign = "-" if pico_usd < 0 else ""
    whole, rest = divmod(abs(pico_usd), PICO_PER_USD)
    if not rest:
        return f"{sign}{whole}"
    decimals = f"{rest:012d}".rstrip("0")
    return f"{sign}{whole}.{decimals}"


def pico_from_text(text: str) -> int:
    """Read USD as pico-USD, exactly.

    Args:
        text: Plain decimal: digits, an optional point with 1 to 12 digits behind it, an optional minus sign.

    Raises:
        ValueError: Naming the text, when it is anything else (an exponent, a plus sign, spaces, a thirteenth decimal).
    """
    found = _PLAIN.fullmatch(text) if len(text) <= MAX_TEXT else None
    if found is None:
        raise ValueError(f"{text[:MAX_TEXT]!r} is not an amount in USD: plain decimal digits are wanted, such as 0.41")
    sign, whole, decimals = found[1], found[2], found[3] or ""
    if len(decimals) > DECIMALS:
        raise ValueError(f"{text!r} is finer than 10^-12 USD: {len(decimals)} decimals, at most {DECIMALS}")
    pico_usd = int(whole) * PICO_PER_USD + int(decimals.ljust(DECIMALS, "0"))
    return -pico_usd if sign else pico_usd


def amount_text(value: object) -> str:
    """An amount out of a JSON text (a decimal string, or a number read as int or Decimal) as its shortest plain text.

    Raises:
        ValueError: When it is no amount that `pico_from_text` reads; a bool or a float is none.
    """
    if isinstance(value, Decimal) or type(value) is int:
        # A huge exponent would be spelt out digit by digit: it keeps its "E", which is refused below.
        number = Decimal(value)
        value = f"{number:f}" if abs(number.adjusted()) < MAX_TEXT else str(number)
    if not isinstance(value, str):
        raise ValueError(f'{value!r:.64} is not an amount in USD: decimal text is wanted, such as "0.41"')  # noqa: TRY004  # a wrong value, whatever its type
    return usd_text(pico_from_text(value))
