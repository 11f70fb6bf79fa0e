"""The worker and everybody else at the same load, taking turns."""

from benchmarks.bench import Bench
from benchmarks.load import Expected, Load
from benchmarks.peers.programs import PEERS, Peer, PeerFailed, PeerUnavailable
from benchmarks.peers.windows import Windows, results
from benchmarks.topics import delete_all, delete_topics, forget_work
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for

BAD_EVERY = 100_000


def run(bench: Bench) -> None:
    """Prepare the peers, publish once, then round by round: the worker, and each peer."""
    commands = _prepare(bench)
    settings, thin = bench.fresh(), bench.fresh()
    topic, thin_topic = topics_for(settings).usage.name, topics_for(thin).usage.name
    load = Load(bench.scale.events, bad_every=min(BAD_EVERY, bench.scale.events // 2))
    expected = bench.publish(settings, load, thin_topic=thin_topic, thin_every=bench.scale.thin)
    turns = _Turns(bench, settings, topic, thin_topic, expected)
    bench.say("summing the windows that the peers must find")
    turns.windows = {name: Windows(settings, name) for name in (topic, thin_topic)}
    for round_ in range(bench.scale.rounds):
        bench.worker(settings, expected, {})
        settings = forget_work(settings)
        for peer, command in list(commands.items()):
            if not turns.take(peer, command, round_):
                del commands[peer]
    delete_all(settings)
    delete_all(thin)


def _prepare(bench: Bench) -> dict[Peer, list[str]]:
    commands = {}
    for peer in PEERS:
        bench.say(f"setting up {peer.name}")
        try:
            commands[peer] = peer.prepare()
        except PeerUnavailable as why:
            bench.not_run(peer.name, str(why))
    return commands


class _Turns:
    """Lets a peer take its turn, and holds its results against ours."""

    def __init__(self, bench: Bench, settings: Settings, topic: str, thin_topic: str, expected: Expected) -> None:
        self._bench = bench
        self._settings = settings
        self._topic = topic
        self._thin_topic = thin_topic
        self._records = expected.records
        self._thin_records = -(-expected.events // bench.scale.thin)
        self.windows: dict[str, Windows] = {}

    def take(self, peer: Peer, command: list[str], round_: int) -> bool:
        """Whether it did its work; why not stands in the figures, and it gets no further turn."""
        topic, records = (self._thin_topic, self._thin_records) if peer.slow else (self._topic, self._records)
        out = f"{topic}.{peer.folder or peer.name}-{len(peer.name)}-{round_}"
        try:
            figures = peer.run(command, self._bench.servers, topic, out, records)
            if peer.results:
                found = results(self._settings, out)
                figures["windows"] = self.windows[topic].compare(found, complete=peer.complete)
        except (PeerFailed, AssertionError) as failure:
            self._bench.not_run(peer.name, f"failed: {failure}")
            return False
        finally:
            delete_topics(self._bench.servers, [out])
        self._bench.record(peer.name, {}, **figures)
        return True
