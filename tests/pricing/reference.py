"""Our prices against another price list: who is priced at all, and where the two differ by more than 1 %.

The list is in LiteLLM's format: an object of names, each with `litellm_provider` and USD per token. As a program this
compares a wheel's list whole, for which `litellm` itself is too large a test dependency:

    pip download --no-deps litellm && python -m tests.pricing.reference litellm-*.whl
"""

import json
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any, NamedTuple

from burnline.pricing.book import RateBook
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.names import base_name

MAKERS = (
    "anthropic", "cerebras", "cohere", "cohere_chat", "deepseek", "gemini", "groq", "mistral", "moonshot", "openai",
    "perplexity", "text-completion-openai", "xai", "zai",
)  # fmt: skip
HOSTS = ("azure", "bedrock", "vertex_ai")
"""How LiteLLM's names of them begin."""
PICO = 10**12
FAR = Decimal("0.01")

REGIONS = "priced by region or profile there; the catalogue has one price for all of them"
MOVED = "the lists are not of one day, or follow a name that moves on (-latest, -preview) to different models"
RESELLER = "a reseller's price, which changes by the week: the lists are not of one day"
AZURE = "Azure's page has a price of its own for older models; the catalogue has OpenAI's"
SPEECH = "speech: the reference has the rate of its text tokens, the catalogue that of its audio"
PEAK = "the reference has DeepSeek's price at peak hours, or the one before these were invented"
DISAGREE = "the two lists disagree, and neither names a source that settles it"
GLOBAL = "the reference has the global profile's price; within a region a tenth more is asked"

REASONS = (
    ("bedrock", r"(bedrock/us-gov-.*/)?(anthropic\.|claude-|openai\.gpt-6)", GLOBAL),
    ("bedrock", r"(apac|eu|jp|us)\.|bedrock/|(amazon\.titan|meta\.llama|mistral\.|qwen\.)", REGIONS),
    ("azure", r".*(tts|audio|realtime)", SPEECH),
    ("azure", r"azure(/|_ai/)(eu/|us/|global/)?(ada|o1-mini|gpt-3|gpt-4|text-embedding|grok)", AZURE),
    ("openrouter|ovhcloud|fireworks_ai|together_ai|novita|cloudflare|groq|bigmodel", r"", RESELLER),
    ("deepseek", r"", PEAK),
    ("openai|gemini|vertex_ai.*", r".*(tts|native-audio)", SPEECH),
    ("mistral|gemini|xai|cohere_chat", r"", MOVED),
    ("vertex_ai.*|perplexity", r"", DISAGREE),
)
"""Provider, name (both matched from their beginning) and why the two lists differ there."""


class Difference(NamedTuple):
    """A base rate that is not the reference's; USD per million tokens."""

    provider: str
    name: str
    side: str
    reference: Decimal
    ours: Decimal

    @property
    def reason(self) -> str | None:
        """Why, if that is known."""
        found = (
            why for provider, name, why in REASONS if re.match(provider, self.provider) and re.match(name, self.name)
        )
        return next(found, None)


class Found(NamedTuple):
    """What a comparison has found, by group of providers: makers, hosts, others, unknown."""

    listed: Counter[str]
    """Names whose model the catalogue lists at their provider, however it spells it."""
    priced: Counter[str]
    guesses: list[tuple[str, str]]
    """Priced though their provider is not in the catalogue."""
    unpriced: list[tuple[str, str, str]]
    """Listed and unpriced, with the rule."""
    differences: list[Difference]


def reference(wheel: str | None = None) -> dict[str, dict[str, Any]]:
    """The list of a wheel; of the installed `llmprice-kit` by default."""
    if wheel is None:
        text = files("llmprice").joinpath("data/model_prices.json").read_text(encoding="utf-8")
    else:
        with zipfile.ZipFile(wheel) as package:
            name = next(each for each in package.namelist() if re.search("model_prices[a-z_]*[.]json", each))
            text = package.read(name).decode()
    entries: dict[str, dict[str, Any]] = json.loads(text, parse_float=Decimal)
    return {
        name: entry
        for name, entry in entries.items()
        if entry.get("litellm_provider") and entry.get("input_cost_per_token") and name != "sample_spec"
    }


def compare(entries: Mapping[str, Mapping[str, Any]], at_ms: int) -> Found:
    """Price every name of a list with its provider at a time."""
    book, catalogue = RateBook.bundled(), Catalogue.bundled()
    listing = Listing(catalogue)
    found = Found(Counter(), Counter(), [], [], [])
    for name, entry in entries.items():
        provider = str(entry["litellm_provider"])
        known = catalogue.provider_id(provider)
        group = _group(provider) if known else "unknown"
        card = book.resolve(provider, name, at_ms)
        if card.priced:
            found.priced[group] += 1
            found.listed[group] += 1
            if known is None:
                found.guesses.append((provider, name))
            else:
                tier = card.tiers[0]
                found.differences.extend(_differences(provider, name, entry, tier.input, tier.output))
        elif known is not None and listing.has(known, name):
            found.listed[group] += 1
            found.unpriced.append((provider, name, card.rule))
    return found


class Listing:
    """What a provider lists, with all that tells spellings apart taken away."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._names: dict[str, set[str]] = {}
        for provider, entry in catalogue.models():
            self._names.setdefault(provider, set()).add(_bare(entry.id))

    def has(self, provider: str, name: str) -> bool:
        """Whether a provider lists a name under any spelling."""
        return _bare(name) in self._names.get(provider, ())


def _bare(name: str) -> str:
    return re.sub("[^a-z0-9]", "", base_name(name.lower().rpartition("/")[2]))


def _group(provider: str) -> str:
    if provider in MAKERS:
        return "makers"
    return "hosts" if provider.startswith(HOSTS) else "others"


def _differences(provider: str, name: str, entry: Mapping[str, Any], plain: int, answer: int) -> Iterator[Difference]:
    for side, ours in (("input", plain), ("output", answer)):
        theirs = Decimal(str(entry.get(f"{side}_cost_per_token") or 0)) * PICO
        if theirs and abs(ours - theirs) > FAR * theirs:
            yield Difference(provider, name, side, theirs / 10**6, Decimal(ours) / 10**6)


def report(found: Found) -> str:
    """The figures, for people."""
    groups = ("makers", "hosts", "others")
    lines = [f"{group}: {found.priced[group]} of {found.listed[group]} priced" for group in groups]
    lines += [f"providers that the catalogue does not know: {len(found.guesses)} priced"]
    reasons = Counter(each.reason or "NO REASON" for each in found.differences)
    lines += [f"{count} rates differ: {why}" for why, count in reasons.most_common()]
    lines += [f"  {each}" for each in found.differences if each.reason is None]
    lines += [f"  unpriced: {' '.join(each)}" for each in found.unpriced]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(compare(reference(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 1_795_845_077_002)))
