"""Whether a session may go on, from what the API says of it. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

STALE_S = 60.0
"""A picture older than this says nothing of now."""


class Verdict(StrEnum):
    """What an agent is told. The values are its contract."""

    CONTINUE = "continue"
    SLOW_DOWN = "slow_down"
    """It burns more than is usual, or an anomaly is open."""
    STOP = "stop"
    """A control holds it back: nothing further may be spent."""
    ASK_A_HUMAN = "ask_a_human"
    """A critical anomaly is open."""
    UNKNOWN = "unknown"
    """The picture is too old."""


class Advice(NamedTuple):
    """A verdict, and why."""

    verdict: Verdict
    reason: str


def advise(
    session: Mapping[str, Any], control: Mapping[str, Any] | None = None, budgets: Iterable[Mapping[str, Any]] = ()
) -> Advice:
    """Judge a session by the answers of the API.

    Args:
        session: As `/sessions/{id}` answers it.
        control: As `/controls/{id}` does.
        budgets: Rows of `/budgets`: those of its agent and its organisation.
    """
    if control is not None and not control["allowed"]:
        return Advice(Verdict.STOP, str(control["reason"]))
    lag_s = float(session["lag"]["seconds"])
    anomaly = session["anomaly"]
    if anomaly is not None and anomaly["severity"] == "critical":
        return Advice(Verdict.ASK_A_HUMAN, "A critical anomaly is open in this session.")
    if anomaly is not None:
        return Advice(Verdict.SLOW_DOWN, "An anomaly is open in this session.")
    if control is not None and control["action"] in ("warn", "downgrade", "throttle"):
        return Advice(Verdict.SLOW_DOWN, f"It is asked to {control['action']}: {control['reason']}")
    if lag_s > STALE_S:
        return Advice(Verdict.UNKNOWN, f"What is known is {lag_s:.0f} s old.")
    ratio, multiplier = session["ratio"], float(session["multiplier"])
    if ratio is not None and float(ratio) > multiplier:
        return Advice(Verdict.SLOW_DOWN, f"It burns {ratio} times its baseline, and the line is at {multiplier:g}.")
    for budget in budgets:
        if float(budget["remaining_usd"]) <= 0:
            return Advice(Verdict.SLOW_DOWN, f"The budget {budget['budget']} of {budget['amount_usd']} USD is used up.")
    return Advice(Verdict.CONTINUE, "It burns no more than it may.")
