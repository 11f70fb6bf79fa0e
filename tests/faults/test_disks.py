"""A broker's disk that fills up, and is freed again; and brokers of two clusters under one name."""

import errno
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from burnline.kafka import client_config
from burnline.settings import load_settings
from burnline.topics.clusters import cluster_obstacles
from tests.faults.cluster import Cluster
from tests.faults.conftest import OpenStage
from tests.faults.play import begin, settle

pytestmark = [
    pytest.mark.faults,
    pytest.mark.long,
    pytest.mark.needs_tool("java", "mount", "umount"),
    pytest.mark.needs_system("linux"),
    pytest.mark.needs_root,
]

DISK_MIB = 96
EVENTS = 30_000
WITHIN_S = 90.0
CHUNK = bytes(65_536)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk in memory."""
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def small(disk: Path) -> Iterator[Cluster]:
    """A broker on it."""
    with Cluster(disk=disk, cluster_id="another-test-cluster") as cluster:
        yield cluster


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(CHUNK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def test_a_disk_that_is_full_and_freed_again(small: Cluster, disk: Path, open_stage: OpenStage) -> None:
    """Apache Kafka ends when it cannot write. Workers wait and say so; nothing is lost, nothing is counted twice."""
    with open_stage(on=small, workers=2, events_per_s=4_000) as stage:
        begin(stage)
        stage.publisher.wait_sent(EVENTS, timeout_s=WITHIN_S)
        broker, filler = small.nodes[0], disk / "filler"
        fill(filler)
        deadline = time.monotonic() + WITHIN_S
        while not broker.ended:
            fill(disk / "rest")  # what was freed since
            assert time.monotonic() < deadline, "the broker goes on with a full disk"
            time.sleep(0.2)
        while not all("waiting for them" in slot.readiness()[1] for slot in stage.fleet.slots):
            assert time.monotonic() < deadline, [slot.readiness() for slot in stage.fleet.slots]
            time.sleep(0.2)
        for each in (filler, disk / "rest"):
            each.unlink(missing_ok=True)
        broker.kill()
        broker.start()
        broker.wait()
        outcome = settle(stage)
        assert outcome.published.good > EVENTS
        assert outcome.fresh_starts == 0


def test_brokers_of_two_clusters_are_refused(small: Cluster, cluster: Cluster, open_stage: OpenStage) -> None:
    """A client would take now the one, now the other: events of one would be counted into the ledgers of the other."""
    both = f"{small.bootstrap_servers},{cluster.bootstrap_servers}"
    with open_stage(workers=1) as stage:
        worker = stage.fleet.slots[0]
        worker.environment["BURNLINE_KAFKA_BOOTSTRAP_SERVERS"] = both
        worker.start()
        deadline = time.monotonic() + WITHIN_S
        while "names brokers of 2 clusters" not in worker.readiness()[1]:
            assert time.monotonic() < deadline, worker.readiness()
            time.sleep(0.2)
        worker.environment["BURNLINE_KAFKA_BOOTSTRAP_SERVERS"] = cluster.bootstrap_servers
        worker.kill()
        worker.start()
        worker.wait_ready()
    away = load_settings(kafka_bootstrap_servers=f"127.0.0.1:1,{cluster.bootstrap_servers}")
    assert cluster_obstacles(client_config(away), 2.0) == []
