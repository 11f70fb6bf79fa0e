"""`burnline budgets run` on a real broker: told once, whoever dies when, with the ledgers' own sums."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from burnline import Controls
from burnline.budgeting.metrics import BudgetMetrics
from burnline.budgeting.runner import BudgetWatch
from burnline.budgets.budget import Budget
from burnline.budgets.notice import BudgetNotice
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.stream.writer import Fenced
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.audit.working import event, publish, work_off
from tests.brokers import MakeSettings

pytestmark = pytest.mark.needs("transactions")
WITHIN_S = 60.0


@contextmanager
def at_work(settings: Settings, failed: list[Exception] | None = None) -> Iterator[CollectorRegistry]:
    """A process' parts in a thread, ready; what it raises is raised here, or in the list, if there is one."""
    stop, registry = threading.Event(), CollectorRegistry()
    expected, failed = failed is not None, [] if failed is None else failed
    watch = BudgetWatch(settings, BudgetMetrics(registry, label_limit=2))

    def run() -> None:
        try:
            watch.run(stop)
        except Exception as failure:  # noqa: BLE001  # raised by whoever waits
            failed.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + WITHIN_S
    while watch.ready and not failed:
        assert time.monotonic() < deadline, watch.ready
        time.sleep(0.05)
    try:
        yield registry
    finally:
        stop.set()
        thread.join(WITHIN_S)
        watch.close()
    if failed and not expected:
        raise failed[0]


def written(settings: Settings) -> list[BudgetNotice]:
    topic = topics_for(settings).budget_notices.name
    batches = read_to_end(client_config(settings), topic, [0], timeout_s=20)
    return [BudgetNotice.model_validate_json(message.value() or b"") for batch in batches for message in batch]


def until(settings: Settings, count: int) -> list[BudgetNotice]:
    """The notices, once there are so many."""
    deadline = time.monotonic() + WITHIN_S
    while len(found := written(settings)) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def set_budget(settings: Settings, amount_usd: str, name: str = "*", **fields: Any) -> None:
    whole = {"scope": "agent", "org_id": "acme", "name": name, "amount_usd": amount_usd, "period": "rolling-24h"}
    of = Budget.model_validate(whole | fields)
    write_key(
        client_config(settings), topics_for(settings).budgets, of.key(), of.model_dump_json().encode(), timeout_s=20
    )


def test_thresholds_are_told_once_over_restarts_and_takeovers(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=2)
    ensure_topics(settings)
    now_ms = time.time_ns() // 1_000_000
    set_budget(settings, "0.1")  # an event costs 0.025 USD
    publish(settings, event(1, occurred_at=now_ms), b"bad", event(2, occurred_at=now_ms))
    work_off(settings)
    with at_work(settings):
        (half,) = until(settings, 1)
        assert (half.name, half.threshold_percent, half.spent_usd) == ("agent-7", 50, "0.05")
        assert half.offsets == {"0": 3}  # so many records the ledgers hold, and these sums
        publish(settings, event(3, occurred_at=now_ms), partition=1)
        publish(settings, event(4, occurred_at=now_ms))
        work_off(settings)
        until(settings, 2)
    with at_work(settings) as registry:
        before = len(written(settings))
        publish(settings, event(5, occurred_at=now_ms, agent_id="other"), event(6, occurred_at=now_ms))
        work_off(settings)
        set_budget(settings, "0.04", name="other")
        found = until(settings, before + 1)
        assert registry.get_sample_value("burnline_budgets") == 2
    assert [(one.name, one.threshold_percent, one.amount_usd) for one in found[before:]] == [("other", 50, "0.04")]
    spent = [one.threshold_percent for one in found[:before]]
    assert spent in ([50, 100], [50, 80, 100], [50, 80]), "once each, and 80 only where it was seen alone"
    assert len({one.notice_id for one in found}) == len(found)


def test_one_that_begins_shuts_out_the_one_before(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=1)
    ensure_topics(settings)
    now_ms = time.time_ns() // 1_000_000
    set_budget(settings, "0.1")
    failed: list[Exception] = []
    with at_work(settings, failed), at_work(settings):
        publish(settings, event(1, occurred_at=now_ms), event(2, occurred_at=now_ms))
        work_off(settings)
        until(settings, 1)
        deadline = time.monotonic() + WITHIN_S
        while not failed:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert [type(one) for one in failed] == [Fenced]
    assert len(written(settings)) == 1


STOP_WITHIN_S = 2.0


def test_a_budget_that_is_used_up_stops_its_agent_within_two_seconds(make_settings: MakeSettings) -> None:
    """From the moment that the ledgers hold the event which used it up, to the runtime's own process."""
    settings = make_settings(partitions=1)
    ensure_topics(settings)
    now_ms = time.time_ns() // 1_000_000
    set_budget(settings, "0.04", action="stop", mode="enforce", period="day")
    set_budget(settings, "0.04", name="watched", action="pause", period="day")
    took_s = []
    with at_work(settings), Controls.from_settings(settings) as controls:
        publish(settings, event(1, occurred_at=now_ms), event(2, occurred_at=now_ms, agent_id="watched"))
        work_off(settings)
        assert controls.allowed(org="acme", agent="agent-7", session="s-1").allowed
        publish(settings, event(3, occurred_at=now_ms), event(4, occurred_at=now_ms, agent_id="watched"))
        work_off(settings)
        began_s = time.monotonic()
        while controls.allowed(org="acme", agent="agent-7", session="s-1").allowed:
            assert time.monotonic() - began_s < WITHIN_S
            time.sleep(0.005)
        took_s.append(time.monotonic() - began_s)
        stopped = controls.allowed(org="acme", agent="agent-7", session="s-1")
        assert stopped.action == "stop"
        assert (
            stopped.reason == "agent acme/agent-7: 125.0 % of 0.04 USD per day used, 0.05 USD spent; over by 0.01 USD"
        )
        (notice,) = (one for one in written(settings) if one.name == "agent-7" and one.threshold_percent == 100)
        assert stopped.expires_at == notice.period_end
        watched = controls.allowed(org="acme", agent="watched")
        assert (watched.allowed, watched.would) == (True, "pause")
        assert controls.allowed(org="acme", agent="other").allowed
    assert min(took_s) < STOP_WITHIN_S, f"{took_s[0]:.2f} s"
