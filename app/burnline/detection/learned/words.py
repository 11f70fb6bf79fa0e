"""A finding in words."""

from typing import TYPE_CHECKING

from burnline.detection.learned.rules import Cause
from burnline.pricing.money import PICO_PER_USD

if TYPE_CHECKING:
    from burnline.detection.learned.incidents import Finding

_WHAT = {
    Cause.RETRY_LOOP: "the same call comes again and again",
    Cause.MODEL_SWITCH: "calls go to dearer models than usual",
    Cause.CACHE_COLLAPSE: "prompts no longer hit the provider's cache as usual",
    Cause.FAN_OUT: "more runs or sessions work at once than ever before",
    Cause.CONTEXT_GROWTH: "call after call without a pause, with ever larger prompts",
    Cause.SLOW_LEAK: "calls have become dearer over the day",
    Cause.PRICE_CHANGE: "prices have risen",
    Cause.VOLUME: "more calls than ever before",
}


def summary(scope: str, finding: "Finding", sessions: int, excess: int | None, *, over: bool) -> str:
    """One sentence or two: who, what, how much.

    Args:
        scope: Session or agent.
        finding: The newest finding.
        sessions: How many sessions the incident is made of.
        excess: Spent above usual, pico-USD; None if usual is not known.
        over: Whether it is over.
    """
    who = finding.agent_id if scope == "agent" else f"{finding.agent_id}, session {finding.session_id}"
    many = f" ({sessions} sessions)" if scope == "agent" and sessions > 1 else ""
    what = "It is over." if over else f"It burns {_usd(finding.burn)} USD/h"
    usual = f", usually {_usd(finding.usual)}" if finding.usual and not over else ""
    lost = f" {_usd(excess)} USD above usual so far." if excess is not None else ""
    return f"{who}{many}: {_WHAT[finding.cause]}. {what}{usual}{'' if over else '.'}{lost}"


def _usd(pico_usd: int) -> str:
    return f"{pico_usd / PICO_PER_USD:.2f}"
