"""`burnline api` as a process: it says where it answers, ends in order, and says why it cannot begin."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

WITHIN_S = 60


def command(**settings: object) -> subprocess.Popen[str]:
    environ = {f"BURNLINE_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "burnline", "api"],
        env=os.environ | {"BURNLINE_REDIS_URL": "redis://127.0.0.1:1/0", "COLUMNS": "200"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with command(api_port=0) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"answers at (http://127\.0\.0\.1:[0-9]+), and explains itself at \1/docs", said)
        try:
            assert found, said
            yield process, found[1]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_answers_where_it_says_and_ends_in_order(number: signal.Signals) -> None:
    with serving() as (process, address):
        assert httpx2.get(f"{address}/healthz").json() == {"status": "ok"}
        assert httpx2.get(f"{address}/readyz").status_code == 503
        assert httpx2.get(f"{address}/docs").status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, out) == (0, "stopped\n")
    assert "Traceback" not in err


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, command(api_port=taken.getsockname()[1]) as process:
        _, err = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 1
    assert err.startswith("cannot listen on 127.0.0.1:")


def test_an_address_of_no_machine() -> None:
    with command(
        api_host="no.such.host.invalid", api_port=0, oidc_issuer="http://127.0.0.1:1", oidc_audience="a"
    ) as it:
        _, err = it.communicate(timeout=WITHIN_S)
    assert it.returncode == 1
    assert err.startswith("cannot listen on no.such.host.invalid:0: ")
