"""The proxy does what the fault tests believe it does."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.proxy import TcpProxy


class Broker:
    """Takes connections one after the other; what each has received is kept, and answered in capitals."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.received: list[bytes] = []
        self.arrived = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while True:
                try:
                    chunk = connection.recv(1024)
                    if chunk:
                        connection.sendall(chunk.upper())
                except OSError:
                    return
                if not chunk:
                    return
                with self.arrived:
                    self.received.append(chunk)
                    self.arrived.notify_all()

    def wait_for(self, *wanted: bytes) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.received == list(wanted), timeout=20), self.received

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake the thread that accepts
        self._listener.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def proxy(broker: Broker) -> Iterator[TcpProxy]:
    proxy = TcpProxy(broker.address)
    yield proxy
    proxy.stop()


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20)


def ask(client: socket.socket, question: bytes) -> bytes:
    client.sendall(question)
    return client.recv(1024)


def test_forwards_both_ways(proxy: TcpProxy) -> None:
    with connect(proxy) as client:
        assert ask(client, b"one") == b"ONE"
        proxy.delay_s = 0.01
        assert ask(client, b"two") == b"TWO"


def test_stalled_it_holds_everything_until_it_resumes(proxy: TcpProxy, broker: Broker) -> None:
    with connect(proxy) as client:
        assert ask(client, b"one") == b"ONE"
        proxy.stall()
        client.sendall(b"two")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1024)
        assert broker.received == [b"one"]
        proxy.resume()
        client.settimeout(20)
        assert client.recv(1024) == b"TWO"


def test_muted_it_delivers_requests_and_holds_the_answers(proxy: TcpProxy, broker: Broker) -> None:
    proxy.mute()
    with connect(proxy) as client:
        client.sendall(b"one")
        broker.wait_for(b"one")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1024)
        proxy.resume()
        client.settimeout(20)
        assert client.recv(1024) == b"ONE"


def test_cut_it_resets_what_is_connected_and_takes_new_connections(proxy: TcpProxy) -> None:
    with connect(proxy) as client:
        assert ask(client, b"one") == b"ONE"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1024)
    with connect(proxy) as client:
        assert ask(client, b"two") == b"TWO"


def test_a_new_connection_overtakes_the_held_request_of_one_that_was_given_up(proxy: TcpProxy, broker: Broker) -> None:
    with connect(proxy) as client:
        assert ask(client, b"one") == b"ONE"
        proxy.overtake()
        client.sendall(b"late")
        time.sleep(0.2)  # until it is in the proxy, which nobody can see
        proxy.abandon()
        with pytest.raises(ConnectionResetError):
            client.recv(1024)
    with connect(proxy) as client:
        assert ask(client, b"two") == b"TWO"
        proxy.resume()
        broker.wait_for(b"one", b"two", b"late")


def test_without_a_broker_it_closes_the_connection(proxy: TcpProxy, broker: Broker) -> None:
    broker.close()
    with connect(proxy) as client:
        assert client.recv(1024) == b""
