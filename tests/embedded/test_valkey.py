"""The embedded Valkey starts, answers, keeps its address over a restart, and is gone when its owner is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from burnline.embedded.valkey import EmbeddedValkey, valkey_program

OWNER = """
import sys
from burnline.embedded.valkey import EmbeddedValkey
with EmbeddedValkey() as valkey:
    print(valkey.pid, flush=True)
    sys.stdin.read()
"""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_answers_and_is_gone_afterwards() -> None:
    with EmbeddedValkey() as valkey:
        pid = valkey.pid
        assert pid is not None
        assert valkey.url.startswith("redis://127.0.0.1:")
        with redis.Redis.from_url(valkey.url) as client:
            assert client.ping()
    assert valkey.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_two_live_side_by_side() -> None:
    with EmbeddedValkey() as one, EmbeddedValkey() as other:
        assert one.url != other.url


def test_started_again_it_has_the_address_it_had_and_no_data() -> None:
    with EmbeddedValkey() as valkey:
        url = valkey.url
        with redis.Redis.from_url(url) as client:
            client.set("a", "b")
        valkey.stop()
        valkey.start()
        assert valkey.url == url
        with redis.Redis.from_url(url) as client:
            assert client.dbsize() == 0


def test_stopping_twice_is_stopping_once() -> None:
    valkey = EmbeddedValkey()
    valkey.start()
    valkey.stop()
    valkey.stop()
    assert valkey.pid is None


@pytest.mark.needs_system("linux")  # others do not end a process with its parent
def test_it_dies_with_an_owner_that_is_killed() -> None:
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert _runs(pid)
        owner.send_signal(signal.SIGKILL)
        while _runs(pid):  # the test's timeout is the limit
            time.sleep(0.01)


def test_nothing_is_left_where_it_was_started(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", OWNER]
    subprocess.run(command, input="", capture_output=True, text=True, env=env, cwd=tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []
    assert Path(sys.prefix) in valkey_program().parents
