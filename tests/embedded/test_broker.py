"""The embedded broker starts, answers, and is gone when its owner is, however the owner ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from burnline.embedded.broker import EmbeddedBroker, broker_program

OWNER = """
import signal, sys
from burnline.embedded.broker import EmbeddedBroker
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in the background deaf to it
with EmbeddedBroker() as broker:
    print(broker.pid, flush=True)
    sys.stdin.read()
"""


def _answers(bootstrap_servers: str) -> bool:
    client = AdminClient({"bootstrap.servers": bootstrap_servers})
    return bool(client.list_topics(timeout=5).brokers)


def _runs(pid: int) -> bool:
    """Whether the process is there and is not a mere entry that its new parent has not collected yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _wait_until_gone(pid: int) -> None:
    while _runs(pid):  # the test's timeout is the limit
        time.sleep(0.01)


@pytest.fixture
def owner() -> Iterator["subprocess.Popen[str]"]:
    """A process that owns a broker, in a process group of its own, and ends when its stdin is closed."""
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, process_group=0
    ) as process:
        yield process
        process.kill()


def _broker_of(owner: "subprocess.Popen[str]") -> int:
    assert owner.stdout is not None
    return int(owner.stdout.readline())


def test_it_answers_and_is_gone_afterwards() -> None:
    with EmbeddedBroker() as broker:
        pid = broker.pid
        assert pid is not None
        assert broker.bootstrap_servers.startswith("127.0.0.1:")
        assert _answers(broker.bootstrap_servers)
    assert not _runs(pid)
    assert broker.pid is None


def test_two_live_side_by_side() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.bootstrap_servers != other.bootstrap_servers
        assert _answers(one.bootstrap_servers)
        assert _answers(other.bootstrap_servers)


def test_it_is_gone_after_an_error() -> None:
    seen: list[int] = []

    def work() -> None:
        with EmbeddedBroker() as broker:
            seen.append(broker.pid or 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert seen[0] > 0
    assert not _runs(seen[0])


def test_stopping_twice_is_stopping_once() -> None:
    broker = EmbeddedBroker()
    broker.start()
    broker.stop()
    broker.stop()
    assert broker.pid is None


def test_it_outlives_the_thread_that_started_it() -> None:
    broker = EmbeddedBroker()
    starter = threading.Thread(target=broker.start)
    starter.start()
    starter.join()
    try:
        assert _answers(broker.bootstrap_servers)
    finally:
        broker.stop()


@pytest.mark.needs_system("linux")  # others do not end a process with its parent
def test_it_dies_with_an_owner_that_is_killed(owner: "subprocess.Popen[str]") -> None:
    pid = _broker_of(owner)
    assert _runs(pid)
    owner.kill()
    _wait_until_gone(pid)


def test_ctrl_c_reaches_the_owner_and_not_the_broker(owner: "subprocess.Popen[str]") -> None:
    pid = _broker_of(owner)
    assert os.getpgid(pid) != os.getpgid(owner.pid)
    assert os.getsid(pid) != os.getsid(owner.pid)
    os.killpg(owner.pid, signal.SIGINT)  # as the terminal does
    assert owner.wait() != 0
    _wait_until_gone(pid)


def test_nothing_is_left_outside_the_environment(tmp_path: Path) -> None:
    home = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", OWNER], input="", capture_output=True, text=True, env=home, check=True)
    assert int(done.stdout) > 0
    assert list(tmp_path.iterdir()) == []
    assert Path(sys.prefix) in broker_program().parents
