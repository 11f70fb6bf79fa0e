"""Serving the API: one socket, uvicorn behind it, and an orderly end at the first signal."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from burnline.api.application import build_api
from burnline.api.connections import BACKLOG, bounded, most_connections, tell_seldom
from burnline.settings import Settings

GRACE_S = 5
"""How long answers under way may take after the signal; streams are cut then."""
KEEP_ALIVE_S = 30
GARBAGE_THRESHOLDS = (2_000, 10, 100)
"""Rows of active sessions live long and hold no cycles, and walking 10,000 of them stops everything for a sixth of a
second. With these that comes once in half an hour instead of once a minute, and the young ones stay cheap."""


class ApiServer(uvicorn.Server):
    """uvicorn without its own signal handlers, which would end the process by the signal once more."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs this."""
        yield

    def stop(self) -> None:
        """End: answers under way first; at the second call, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
        if self.started:  # streams would go on until they are cut
            self.config.app.state.live.hub.close()  # type: ignore[union-attr]  # the application of `build_api`


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        OSError: The address is no address of this machine, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def address(bound: socket.socket) -> str:
    """The address of a listening socket, as a URL."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_api(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: The settings in force.
        announce: Is told the address once requests are taken.

    Raises:
        OSError: It cannot listen there.
    """
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    with listen(settings.api_host, settings.api_port) as bound:
        asyncio.run(_serve(settings, bound, announce))


async def _serve(settings: Settings, bound: socket.socket, announce: Callable[[str], None]) -> None:
    config = uvicorn.Config(
        build_api(settings),
        log_config=None,
        access_log=settings.log_level == "debug",
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        http=bounded(most_connections()),
        backlog=BACKLOG,
        server_header=False,
    )
    server = ApiServer(config)
    loop = asyncio.get_running_loop()
    tell_seldom(loop)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    announce(address(bound))
    await server.serve(sockets=[bound])
