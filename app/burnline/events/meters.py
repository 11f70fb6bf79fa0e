"""The table of meters: what an event can count beside its plain tokens. One line here is all that a new one takes.

From it follow the event's field (decoder, contract, schema), the subset rules, the rate of a card, the arithmetic of a
charge and its explanation, the sums of ledgers, rollups, projections and reports, and what the kernel leaves to Python.

Every event has input and output tokens; its cached, cache-write and reasoning tokens are common, too, and stand as
fields of their own everywhere. What is here is rare: a sum that is zero is left out of every record, so a meter that a
session does not use costs it nothing.
"""

from typing import NamedTuple

MILLION, THOUSAND = 10**6, 10**3

PARTS = ("input", "cached_input", "cache_write", "output", "reasoning", "request")
"""The disjoint parts of every cost: fresh input, cached input, cache writes, the answer, reasoning, fees."""


class Meter(NamedTuple):
    """What one rare field of an event counts.

    Of its units, those are charged by its own rate that no meter `within` it counts, too: of audio input those that
    were not read from a cache. What they cost belongs to one part of the cost.
    """

    name: str
    """Of the event's field and of the sums."""
    part: str
    """Of `PARTS`: where the cost belongs, and whose rate holds where there is none of its own."""
    rate: str
    """The catalogue's name of its rate, USD per `per` units."""
    description: str
    within: str = ""
    """The meter here that counts its units as well, if there is one."""
    per: int = MILLION
    """Units that the rate is for; of a million the units are tokens, part of the tokens of `part`."""

    @property
    def is_tokens(self) -> bool:
        """Whether it counts tokens, which are part of the plain ones; else a fee of its own."""
        return self.per == MILLION

    @property
    def stem(self) -> str:
        """Its name without the unit."""
        return self.name.removesuffix("_tokens")

    @property
    def rate_field(self) -> str:
        """Its rate in a card for people: decimal USD."""
        return f"{self.stem}_usd_per_million_tokens" if self.is_tokens else f"usd_per_thousand_{self.stem}"

    @property
    def words(self) -> str:
        """Its name in a sentence: `input audio`, `web searches`."""
        return self.stem.replace("_", " ")


METERS: tuple[Meter, ...] = (
    Meter(
        "cache_write_1h_tokens", "cache_write", "cache_write_1h_mtok",
        "Of the cache-write tokens, those kept for an hour; some providers charge more for them.",
    ),
    Meter("input_audio_tokens", "input", "input_audio_mtok", "Of the input tokens, those of audio."),
    Meter("input_image_tokens", "input", "input_image_mtok", "Of the input tokens, those of images."),
    Meter("input_video_tokens", "input", "input_video_mtok", "Of the input tokens, those of video."),
    Meter(
        "cached_input_audio_tokens", "cached_input", "cache_audio_read_mtok",
        "Of the audio input, tokens read from the provider's cache.", "input_audio_tokens",
    ),
    Meter(
        "cached_input_image_tokens", "cached_input", "cache_image_read_mtok",
        "Of the image input, tokens read from the provider's cache.", "input_image_tokens",
    ),
    Meter("output_audio_tokens", "output", "output_audio_mtok", "Of the output tokens, those of audio."),
    Meter("output_image_tokens", "output", "output_image_mtok", "Of the output tokens, those of images."),
    Meter("output_video_tokens", "output", "output_video_mtok", "Of the output tokens, those of video."),
    Meter(
        "web_searches", "request", "web_searches_kcount",
        "Searches of the web that the provider ran and charges for.", per=THOUSAND,
    ),
    Meter(
        "file_searches", "request", "storage_searches_kcount",
        "Searches of stored files that the provider ran and charges for.", per=THOUSAND,
    ),
)  # fmt: skip
"""In the order in which they stand in records. A new one goes to the end: what is written keeps its order."""

NAMES = tuple(meter.name for meter in METERS)
NONE_USED = (0,) * len(METERS)
"""The counts of an event that uses none of them."""

_TOTALS = {
    "input": "input_tokens (neither cached nor written to a cache)",
    "cached_input": "cached_input_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens (without reasoning)",
}
_WITHIN = tuple((at, NAMES.index(meter.within)) for at, meter in enumerate(METERS) if meter.within)
_OF_PART = {
    part: tuple(at for at, meter in enumerate(METERS) if meter.part == part and meter.is_tokens) for part in _TOTALS
}


def own_units(counts: tuple[int, ...]) -> list[int]:
    """Of each meter, the units that are charged by its own rate: without those of the meters within it.

    Args:
        counts: Of each meter, in the order of the table.
    """
    own = list(counts)
    for inner, outer in _WITHIN:
        own[outer] -= counts[inner]
    return own


class Misfit(NamedTuple):
    """Meters that count more than there is: the first one, and a sentence."""

    field: str
    detail: str


def misfit(counts: tuple[int, ...], fresh: int, cached: int, written: int, answer: int) -> Misfit | None:
    """What of an event's counts does not fit into its plain tokens; None if all fits.

    Args:
        counts: Of each meter, in the order of the table.
        fresh: Input tokens that were neither read from nor written to a cache.
        cached: Input tokens read from a cache.
        written: Input tokens written to a cache.
        answer: Output tokens without reasoning.
    """
    for inner, outer in _WITHIN:
        if counts[inner] > counts[outer]:
            return Misfit(NAMES[inner], f"{NAMES[inner]} {counts[inner]} exceed {NAMES[outer]} {counts[outer]}")
    own = own_units(counts)
    totals = {"input": fresh, "cached_input": cached, "cache_write": written, "output": answer}
    for part, meters in _OF_PART.items():
        if sum(own[at] for at in meters) > totals[part]:
            used = [at for at in meters if own[at]]
            told = " + ".join(_told(at, counts, own) for at in used)
            return Misfit(NAMES[used[0]], f"{told} exceed {_TOTALS[part]} {totals[part]}")
    return None


def _told(at: int, counts: tuple[int, ...], own: list[int]) -> str:
    cached = counts[at] - own[at]
    return f"{NAMES[at]} {counts[at]} ({cached} cached)" if cached else f"{NAMES[at]} {counts[at]}"
