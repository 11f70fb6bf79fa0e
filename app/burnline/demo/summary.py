"""What a run came to, and whether it is whole: all that was published is counted, and the same over HTTP."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from burnline.demo.spending import OverHttp
from burnline.demo.tally import Tally
from burnline.detection.anomaly import Anomaly, State
from burnline.pricing.money import pico_from_text, usd_text

_NAMED = 5
_SUMS = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")


class AnomalyStory(NamedTuple):
    """One anomaly of the run, from its notices. Times are epoch milliseconds."""

    anomaly_id: str
    session_id: str
    org_id: str
    agent_id: str
    states: list[str]
    severities: list[str]
    opened_at: int
    updated_at: int
    spend_usd: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A run's result; `missing` holds a sentence for everything that is not as it should be, and is empty if all is."""

    missing: list[str]
    published: int
    acknowledged: int
    counted: int
    sessions: int
    dead_letters: int
    totals: dict[str, int]
    cost_usd: str
    cache_savings_usd: str
    embedding_cost_usd: str
    anomalies: list[AnomalyStory]
    duration_s: float
    topic_prefix: str
    brokers: str
    api_url: str | None
    events_over_http: int | None
    usd_over_http: str | None

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def as_json(self) -> dict[str, Any]:
        """For `--json`: plain values, amounts as decimal strings."""
        stories = [story._asdict() for story in self.anomalies]
        return {"complete": self.complete, **asdict(self), "anomalies": stories}


def missing(tally: Tally, runaway: str, *, published: int, acknowledged: int, over_http: OverHttp | None) -> list[str]:
    """What keeps a run from being whole, in sentences.

    Args:
        tally: What was read.
        runaway: The session whose anomaly has to open, escalate and resolve.
        published: Events sent.
        acknowledged: Events that the brokers have.
        over_http: What the API said; None if there is none.
    """
    sentences = []
    planned = sum(tally.expected.values())
    if published != planned:
        sentences.append(f"{published:,} of {planned:,} events were published.")
    if acknowledged != published:
        sentences.append(f"{acknowledged:,} of {published:,} published events were acknowledged.")
    if uncounted := tally.uncounted():
        named = [f"{session} {held} of {want}" for session, (held, want) in list(uncounted.items())[:_NAMED]]
        sentences.append(
            f"{tally.events:,} of {planned:,} events are in the ledgers; {len(uncounted):,} sessions differ: "
            f"{', '.join(named)}{', …' if len(uncounted) > _NAMED else ''}."
        )
    if tally.dead_letters:
        sentences.append(f"{tally.dead_letters:,} events became dead letters.")
    states = [notice.state for notice in tally.notices if notice.session_id == runaway]
    absent = [str(state) for state in State if state not in states]
    if absent:
        sentences.append(f"The anomaly of session {runaway} was not {' nor '.join(absent)}.")
    if over_http is not None:
        sentences += differences(tally, over_http)
    return sentences


def differences(tally: Tally, over_http: OverHttp) -> list[str]:
    """What the API says otherwise than the ledgers, in a sentence; empty if it says the same."""
    spent = over_http.spent
    if spent is None:
        why = f" ({over_http.trouble})" if over_http.trouble else ""
        return [f"The API has not said what was spent{why}."]
    if spent == (tally.events, tally.spent_pico_usd):
        return []
    return [
        f"Over HTTP there are {usd_text(spent.pico_usd)} USD of {spent.events:,} events, "
        f"in the ledgers {usd_text(tally.spent_pico_usd)} USD of {tally.events:,}."
    ]


def summarise(
    tally: Tally,
    runaway: str,
    *,
    published: int,
    acknowledged: int,
    over_http: OverHttp | None,
    duration_s: float,
    topic_prefix: str,
    brokers: str,
) -> Summary:
    """The result of a run, as far as it got; arguments as for `missing`."""
    ledgers = tally.ledgers
    spent = over_http.spent if over_http else None
    return Summary(
        missing=missing(tally, runaway, published=published, acknowledged=acknowledged, over_http=over_http),
        published=published,
        acknowledged=acknowledged,
        counted=tally.events,
        sessions=len(ledgers),
        dead_letters=tally.dead_letters,
        totals={field: sum(getattr(ledger, field) for ledger in ledgers) for field in ("runs", "tool_calls", *_SUMS)},
        cost_usd=usd_text(tally.spent_pico_usd),
        cache_savings_usd=_usd_sum(ledger.cache_savings_usd for ledger in ledgers),
        embedding_cost_usd=_usd_sum(ledger.embedding_cost_usd for ledger in ledgers),
        anomalies=_stories(tally.notices),
        duration_s=round(duration_s, 1),
        topic_prefix=topic_prefix,
        brokers=brokers,
        api_url=over_http.url if over_http else None,
        events_over_http=spent.events if spent else None,
        usd_over_http=usd_text(spent.pico_usd) if spent else None,
    )


def _usd_sum(texts: Iterable[str]) -> str:
    return usd_text(sum(map(pico_from_text, texts)))


def _stories(notices: list[Anomaly]) -> list[AnomalyStory]:
    by_id: dict[str, list[Anomaly]] = {}
    for notice in notices:
        by_id.setdefault(notice.anomaly_id, []).append(notice)
    return [
        AnomalyStory(
            anomaly_id,
            last.session_id,
            last.org_id,
            last.agent_id,
            [str(notice.state) for notice in own],
            [str(notice.severity) for notice in own],
            last.opened_at,
            last.updated_at,
            last.spend_usd,
        )
        for anomaly_id, own in by_id.items()
        for last in own[-1:]
    ]
