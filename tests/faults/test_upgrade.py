"""A rolling upgrade under load: workers of the version before are replaced one by one, and every digit is right."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.faults.conftest import OpenStage
from tests.faults.play import begin, settle
from tests.faults.workers import WorkerSlot

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.needs_tool("git")]

ROOT = Path(__file__).parents[2]
COMMITS_BACK = 100
"""How far back the version before is, as long as none was released."""


def git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def version_before() -> str:
    """The newest tag behind this commit, else a commit of some time ago."""
    tags = git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").decode().split()
    return tags[0] if tags else f"HEAD~{COMMITS_BACK}"


@pytest.fixture(scope="module")
def source_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source root of the version before, as it was committed; without a kernel, so Python counts there."""
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", version_before(), "app"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "app"


def replace(slot: WorkerSlot) -> None:
    """As a rolling update does: ended in order, and the installed version started in its place."""
    assert slot.terminate().exit_code == 0
    slot.environment.pop("PYTHONPATH", None)
    slot.start()
    slot.wait_ready()


def test_workers_are_replaced_one_by_one_under_load(open_stage: OpenStage, source_before: Path) -> None:
    with open_stage(workers=3, partitions=4, events_per_s=1_000) as stage:
        for slot in stage.fleet.slots:
            slot.environment["PYTHONPATH"] = str(source_before)
        begin(stage)
        for slot in stage.fleet.slots:
            stage.publisher.wait_sent(stage.publisher.sent + 2_000, timeout_s=60)
            replace(slot)
        settle(stage)
