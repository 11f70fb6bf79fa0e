"""What a model costs more where it is served: surcharges by provider, region and model, each with its source.

The catalogue knows Bedrock's geographic profiles (names of their own) and no other region. A region is what the event
says, or what the model's name does: `azure/eu/…`, an ARN, Vertex' locations.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from burnline.pricing.card import BEGINNING_MS

GOVERNMENT = "us-gov"
"""How AWS' regions for the government of the US begin, and Bedrock's profiles there."""


class Surcharge(NamedTuple):
    """A factor on every rate for tokens of a model, for event times from `since_ms` on; the tenth more is 11/10.

    Fees of searches and requests are the same everywhere.
    """

    provider: str
    regions: re.Pattern[str]
    models: re.Pattern[str]
    since_ms: int
    factor: Fraction
    source: str


class NotSold(NamedTuple):
    """Models whose price in a region is known to follow no factor: they have no rate there."""

    provider: str
    regions: re.Pattern[str]
    models: re.Pattern[str]
    source: str


_JULY_2026_MS = 1_782_864_000_000
_ANY = re.compile("")
_TENTH, _FIFTH = Fraction(11, 10), Fraction(6, 5)

_EUROPE, _ASIA = r"eu(-|\Z)", r"(ap|apac|jp|au|in)(-|\Z)"
_LLAMA_3 = r"meta\.llama3-(8|70)b-"
_BEDROCK = "Amazon Bedrock pricing, by region; to within its rounding, 3 % at most"

SURCHARGES = (
    Surcharge(
        "aws", re.compile(GOVERNMENT), _ANY, BEGINNING_MS, _FIFTH,
        "Amazon Bedrock pricing, AWS GovCloud (US): 3.60/18.00 for Claude Sonnet 4.5; on the global profile's rates",
    ),
    *(
        Surcharge("aws", re.compile(regions), re.compile(models), BEGINNING_MS, factor, _BEDROCK)
        for regions, models, factor in (
            (_EUROPE, r"amazon\.nova-pro", Fraction(21, 16)),
            (_EUROPE, r"amazon\.nova-micro", Fraction(46, 35)),
            (_EUROPE, r"(amazon\.nova-lite|regional\.amazon\.nova-2-lite|meta\.llama3-2)", Fraction(13, 10)),
            (_ASIA, r"amazon\.nova-micro", Fraction(37, 35)),
            (_ASIA, r"amazon\.nova-(lite|pro)", Fraction(21, 20)),
            (_ASIA, r"regional\.amazon\.nova-2-lite", _FIFTH),
            (r"ap-south-1\Z", _LLAMA_3, _FIFTH),
            (r"ca-central-1\Z", _LLAMA_3, Fraction(23, 20)),
            (r"eu-west-1\Z", _LLAMA_3, Fraction(27, 25)),
            (r"eu-west-2\Z", _LLAMA_3, Fraction(13, 10)),
            (r"sa-east-1\Z", _LLAMA_3, Fraction(5, 3)),
            (r"eu-west-3\Z", r"mistral\.mi[sx]t?ral", Fraction(13, 10)),
        )
    ),
    Surcharge(
        "azure", re.compile(r"eu\Z"), re.compile("gpt-6"), BEGINNING_MS, _FIFTH,
        "Azure OpenAI pricing, data zone EU: GPT-6 costs a fifth more",
    ),
    Surcharge(
        "azure", re.compile(r"((eu|us)|data.?zone.*)\Z"), _ANY, BEGINNING_MS, _TENTH,
        "Azure OpenAI pricing, data zones: a tenth more than global",
    ),
    Surcharge(
        "google", re.compile(r"(?!global\Z)."), re.compile(r".*claude-(\w+-4-[5-9]|\w+-[5-9]|fable|mythos)"),
        BEGINNING_MS, _TENTH, "Claude on Vertex AI: regional and multi-region endpoints, from Sonnet 4.5 on",
    ),
    Surcharge(
        "google", re.compile(r"(?!global\Z)."), re.compile(r"gemini-(3\.[1-9]|[4-9])"), _JULY_2026_MS, _TENTH,
        "Vertex AI pricing: every endpoint but global, Gemini 3.1 and later, since July 2026",
    ),
    Surcharge(
        "openai", re.compile(r"(eu|us)\Z"), re.compile(r"gpt-(5\.[4-9]|[6-9]|realtime-2\.1)"), BEGINNING_MS, _TENTH,
        "OpenAI pricing, regional processing: GPT-5.4 and later",
    ),
    Surcharge(
        "anthropic", re.compile(r"us\Z"), re.compile(r"claude-(\w+-4-[6-9]|\w+-[5-9]|fable|mythos)"),
        BEGINNING_MS, _TENTH, "Claude API pricing, data residency: inference in the US only, Opus 4.6 and later",
    ),
)  # fmt: skip
"""Regions and models are matched from their beginning."""

NOT_SOLD = (
    NotSold(
        "aws", re.compile(GOVERNMENT), re.compile(r".*(titan|llama3|claude-instant|claude-v2)"),
        "Amazon Bedrock pricing, AWS GovCloud (US): priced model by model",
    ),
)  # fmt: skip


class Regions(NamedTuple):
    """What a catalogue says about regions. Of its surcharges the first whose provider, region and model fit counts."""

    surcharges: tuple[Surcharge, ...]
    not_sold: tuple[NotSold, ...]

    def surcharge(self, provider: str, model: str, region: str) -> Surcharge | None:
        """The surcharge on a model of the catalogue, None where there is none. Names in lower case."""
        return next((each for each in self.surcharges if _fits(each, provider, model, region)), None)

    def unknown(self, provider: str, model: str, region: str) -> NotSold | None:
        """Why a model's price in a region cannot be told from its price elsewhere, None where it can."""
        return next((each for each in self.not_sold if _fits(each, provider, model, region)), None)


def _fits(each: Surcharge | NotSold, provider: str, model: str, region: str) -> bool:
    at = each.provider == provider and region
    return bool(at and each.regions.match(region) and each.models.match(model))


REGIONS = Regions(SURCHARGES, NOT_SOLD)
"""What we know of regions, for a catalogue that says nothing about them itself."""
