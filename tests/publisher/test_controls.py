"""Controls in a runtime's own process: followed on a real broker, asked from memory, open or closed without a word."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from burnline import Controls
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from burnline.topics.ensure import ensure_topics
from tests.cli.reach import objects, reach, run, words

NOBODY: dict[str, str | int | float | bool] = {"bootstrap.servers": "127.0.0.1:1"}
MOST_S = 10e-6
STOP_WITHIN_S = 2.0
WITHIN_S = 30.0


def until(condition: Callable[[], bool]) -> float:
    """Wait for a condition; how long it took, seconds."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < WITHIN_S
        time.sleep(0.005)
    return time.monotonic() - began_s


@pytest.mark.broker
def test_what_is_set_by_hand_reaches_a_runtime_and_is_lifted_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(settings, monkeypatch)
    ensure_topics(settings)
    assert "None is in force" in run("controls", "list").stdout
    with Controls.from_settings(settings, fail="closed") as controls:

        def verdict() -> Any:
            return controls.allowed(org="acme", agent="bot", session="s-1")

        assert verdict().allowed, "read to its end: nothing is set"
        said = words(run("controls", "set", "agent", "acme/bot", "stop", "--reason", "It loops.", "--for", "2h").stdout)
        assert "agent/acme/bot: stop, only observed, until 20" in said
        until(lambda: verdict().would == "stop")
        assert verdict().allowed
        (one,) = objects("controls", "set", "agent", "acme/bot", "stop", "--enforce", "--reason", "It loops.")
        until(lambda: not verdict().allowed)
        assert (verdict().reason, verdict().control, verdict().epoch) == ("It loops.", "agent/acme/bot", one["epoch"])
        assert [each["key"] for each in objects("controls", "list")] == ["agent/acme/bot"]
        assert "It loops." in run("controls", "list").stdout
        run("controls", "set", "session", "acme/s-1", "resume", "--enforce")
        until(lambda: verdict().allowed)
        assert not controls.allowed(org="acme", agent="bot", session="s-2").allowed
        write_key(client_config(settings), topics_for(settings).controls, "session/acme/s-1", b"no", timeout_s=20)
        run("controls", "clear", "agent", "acme/bot")
        until(lambda: controls.allowed(org="acme", agent="bot", session="s-2").allowed)
        assert verdict().action == "resume", "what cannot be read changes nothing"
        assert "There is no control agent/acme/bot." in run("controls", "clear", "agent", "acme/bot", code=1).stderr

        began_s = time.perf_counter()
        took_s = min(_timed(verdict) for _ in range(20))
        assert took_s < MOST_S, f"{took_s * 1e6:.1f} µs"
        assert time.perf_counter() - began_s < WITHIN_S


def _timed(ask: Callable[[], object], times: int = 1_000) -> float:
    began_s = time.perf_counter()
    for _ in range(times):
        ask()
    return (time.perf_counter() - began_s) / times


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["session", "acme", "stop"], "WHO=acme"),
        (["org", "acme/x", "stop"], "WHO=acme/x"),
        (["org", "acme", "stop", "--for", "2 weeks"], "--for 2 weeks"),
        (["org", "acme", "stop", "--for", "1h", "--until", "now"], "give one of them"),
        (["org", "acme", "stop", "--reason", ""], "reason="),
    ],
)
def test_set_names_mistakes_before_it_asks_a_broker(arguments: list[str], named: str) -> None:
    assert named in run("controls", "set", *arguments, code=2).stderr


@pytest.mark.parametrize(("fail", "allowed"), [("open", True), ("closed", False)])
def test_while_nobody_answers_the_setting_says_who_may_go_on(fail: Any, *, allowed: bool) -> None:
    controls = Controls(NOBODY, "controls", fail=fail)
    try:
        assert not controls.wait_ready(0.05)
        found = controls.allowed(org="acme")
        assert (found.allowed, found.action, found.reason) == (
            allowed, None, "It is not known which controls are in force.",
        )  # fmt: skip
    finally:
        controls.close()


@pytest.mark.broker
def test_within_asyncio_it_is_the_same(settings: Settings) -> None:
    ensure_topics(settings)

    async def ask() -> bool:
        async with Controls.from_settings(settings, fail="closed") as controls:
            return controls.allowed(org="acme", session="s-1").allowed

    assert asyncio.run(ask())


@pytest.mark.parametrize("options", [{"fail": "ajar"}, {"stale_s": 0}])
def test_a_setting_that_is_none_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Controls(NOBODY, "controls", **options)
