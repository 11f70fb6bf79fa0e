"""Which broker is taken, what is said when it is not the first, and that no skip goes unnamed."""

from typing import ClassVar

import pytest

from tests.brokers import BrokerChoice, MakeSettings
from tests.kafka.base import KAFKA_VERSION, Broker, BrokerUnavailable
from tests.topics.making import make_topic, read, values, write

pytest_plugins = ["pytester"]


class Pretended(Broker):
    """Stands where no broker is needed: only the choosing is of interest."""

    reason: ClassVar[str | None] = None
    failure: ClassVar[str | None] = None
    capabilities = frozenset()
    stopped = False

    @classmethod
    def unavailable(cls) -> str | None:
        return cls.reason

    def start(self) -> None:
        if self.failure:
            raise BrokerUnavailable(self.failure)

    def stop(self) -> None:
        self.stopped = True

    def kill(self) -> None:
        self.stopped = True


class Absent(Pretended):
    """A kind that a quick look rules out."""

    kind = "absent"
    reason = "not here"


class Broken(Pretended):
    """A kind that looks well and does not start."""

    kind = "broken"
    failure = "breaks at start"


class Sound(Pretended):
    """A kind that works."""

    kind = "sound"


def test_auto_takes_the_first_that_can_work_and_says_why_not_the_others() -> None:
    choice = BrokerChoice("auto", [Absent, Sound, Broken])
    assert str(choice) == "sound (BURNLINE_TEST_BROKER=auto; not absent (not here))"
    assert choice.running().kind == "sound"


def test_auto_goes_on_to_the_next_when_one_does_not_start() -> None:
    choice = BrokerChoice("auto", [Broken, Absent, Sound])
    assert str(choice) == "broken (BURNLINE_TEST_BROKER=auto)"
    assert choice.running().kind == "sound"
    assert str(choice) == "sound (BURNLINE_TEST_BROKER=auto; not broken (breaks at start), absent (not here))"


def test_a_kind_that_was_asked_for_is_never_replaced() -> None:
    with pytest.raises(BrokerUnavailable, match=r"absent \(not here\)"):
        BrokerChoice("absent", [Absent, Sound])
    with pytest.raises(BrokerUnavailable, match=r"broken \(breaks at start\)"):
        BrokerChoice("broken", [Broken, Sound]).running()


def test_an_unknown_kind_names_the_known() -> None:
    with pytest.raises(ValueError, match="one of auto, absent, sound"):
        BrokerChoice("redpanda", [Absent, Sound])


def test_the_broker_is_started_once_and_stopped() -> None:
    choice = BrokerChoice("auto", [Sound])
    choice.stop()  # nothing to stop yet
    running = choice.running()
    assert choice.running() is running
    choice.stop()
    assert isinstance(running, Sound)
    assert running.stopped


@pytest.mark.needs("restart")
def test_acknowledged_records_survive_a_killed_broker(broker: Broker, make_settings: MakeSettings) -> None:
    own = type(broker)()  # the others' takes long to look through all of their topics
    own.start()
    try:
        settings = make_settings(kafka_bootstrap_servers=own.bootstrap_servers)
        topic = make_topic(settings)
        write(settings, topic, ["a", "b"])
        own.kill()
        own.restart()
        assert own.bootstrap_servers == settings.kafka_bootstrap_servers
        assert values(read(settings, topic)) == ["a", "b"]
    finally:
        own.stop()


def test_the_jars_are_of_the_version_that_the_tests_name(pytestconfig: pytest.Config) -> None:
    pom = (pytestconfig.rootpath / "tests/apache-kafka/pom.xml").read_text()
    assert f"<kafka.version>{KAFKA_VERSION}</kafka.version>" in pom


RULES = """
import pytest

def test_a_bare_skip():
    pytest.skip("because")

@pytest.mark.skipif(True, reason="because")
def test_a_skip_by_mark():
    pass

@pytest.mark.needs_tool("no-such-program")
def test_a_program():
    pass

@pytest.mark.needs_system("plan9")
def test_a_system():
    pass

@pytest.mark.needs("compactoin")
def test_a_misspelt_need():
    pass

def test_well():
    pass
"""


def _run(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    pytester.makeini("[pytest]\naddopts = --strict-markers\nmarkers = broker: x")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess("-rA", "-p", "no:cacheprovider", "-p", "no:timeout")


@pytest.mark.parametrize(("strict", "skipped"), [("", 2), ("1", 1)], ids=["at-home", "strict"])
def test_only_named_needs_are_skipped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config, strict: str, skipped: int
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("BURNLINE_TEST_STRICT", strict)
    monkeypatch.setenv("BURNLINE_TEST_BROKER", "embedded")
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    result = _run(pytester, RULES)
    result.assert_outcomes(passed=1, skipped=skipped, failed=1, errors=4 - skipped)
    result.stdout.fnmatch_lines(["*not shown here; broker: embedded*", "only plan9 can show it: *::test_a_system"])
    result.stdout.fnmatch_lines(["skipped without a need: mark *::test_a_bare_skip *"])
    result.stdout.fnmatch_lines(["*Failed: no broker is known for compactoin;*"])


def test_a_module_cannot_skip_itself(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.setenv("BURNLINE_TEST_BROKER", "embedded")
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    result = _run(pytester, "import pytest\npytest.importorskip('no_such_module')\ndef test_x(): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*is skipped as a whole*"])
