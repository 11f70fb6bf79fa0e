"""A small fleet's calls as records of `usage`, and stages over them."""

import json
from collections.abc import Container, Iterable
from decimal import Decimal
from zlib import crc32

from burnline.detection.baseline import Baseline, Baselines, EffectiveBaseline
from burnline.detection.learned.calendar import Planned
from burnline.detection.learned.engine import PythonEngine
from burnline.detection.learned.policy import Policies
from burnline.detection.learned.rules import RULES
from burnline.detection.rule import BurnRule
from burnline.detector.merging import Logged
from burnline.detector.stage import Stage
from burnline.pricing.book import RateBook
from burnline.pricing.valuation import ValuationRate, rate_key
from tests.detection.learned.fleet import RATES, Sent, ordered
from tests.detection.rules import RULE

PARTITIONS = 3
PER_MILLION = 10**6


def rates() -> list[ValuationRate]:
    """The prices of the fleet's models."""
    found = []
    for model, (fresh, cached, write, output) in enumerate(RATES):
        name = f"model-{model}"
        fields = {
            "provider": "*", "model": name, "effective_from": 0,
            "input_usd_per_million_tokens": str(fresh / PER_MILLION),
            "cached_input_usd_per_million_tokens": str(cached / PER_MILLION),
            "cache_write_usd_per_million_tokens": str(write / PER_MILLION),
            "output_usd_per_million_tokens": str(output / PER_MILLION),
        }  # fmt: skip
        found.append(ValuationRate.parse(rate_key("*", name, 0), json.dumps(fields).encode()))
    return found


def value(number: int, sent: Sent) -> bytes:
    """An event as a publisher writes it."""
    return json.dumps(sent.event(number)).encode()


def records(sent: Iterable[Sent], first: int = 0, *, keyless: Container[str] = ()) -> list[Logged]:
    """The log of some calls, each taken a tenth of a second after its time, by session on three partitions.

    Events of sessions without a key lie on all of them in turn.
    """
    offsets, log = dict.fromkeys(range(PARTITIONS), first), []
    for number, each in enumerate(ordered(sent), first):
        partition = (number if each.session in keyless else crc32(each.session.encode())) % PARTITIONS
        log.append(Logged(each.at_ms + 100, partition, offsets[partition], value(number, each)))
        offsets[partition] += 1
    return log


def stage(
    *baselines: Baseline,
    suggests: bool = False,
    rule: BurnRule = RULE,
    topic: str = "t.usage",
    policies: Policies | None = None,
    planned: Iterable[Planned] = (),
) -> Stage:
    """A fresh one, in Python."""
    default = EffectiveBaseline(10**12, Decimal(5), "default")
    entries = {each.key(): each for each in baselines}
    return Stage(
        PythonEngine(RULES),
        RateBook.bundled().with_overrides(rates()),
        Baselines(default, entries),
        topic=topic,
        max_clock_skew_ms=300_000,
        rule=rule,
        kept_slices=60,
        suggests=suggests,
        policies=policies,
        planned=planned,
    )
