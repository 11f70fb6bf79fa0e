"""Fixtures and rules for all tests: a real broker, settings of one's own, and no skip without its reason by name.

`BURNLINE_TEST_BROKER=auto|container|apache|embedded` chooses the broker. `@pytest.mark.needs("compaction")` asks for
something that not every broker can do, `@pytest.mark.needs_tool("promtool")` for a program, and
`@pytest.mark.needs_system("linux")` for an operating system. A test whose need is not met is skipped and listed at the
end; under `CI=true` or `BURNLINE_TEST_STRICT=1` a missing program is a failure.
"""

import os
import shutil
import sys
import uuid
from collections.abc import Generator, Iterator

import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from burnline.settings import ENV_PREFIX, Settings, load_settings
from tests.brokers import VARIABLE, BrokerChoice, MakeSettings, remove_topics, works
from tests.kafka.base import CAPABILITIES, Broker, BrokerUnavailable
from tests.redis_servers import RedisServer, redis_server

# A busy machine must not fail a law.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")

_CHOICE = pytest.StashKey[BrokerChoice]()
_UNMET = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): what the broker must be able to do")
    config.addinivalue_line("markers", "needs_tool(*programs): programs that must be on the PATH")
    config.addinivalue_line("markers", "needs_root: it mounts something")
    config.addinivalue_line("markers", "needs_system(name): the only operating system that can show it")
    config.stash[_UNMET] = {}
    try:
        config.stash[_CHOICE] = BrokerChoice(os.environ.get(VARIABLE) or "auto")
    except (ValueError, BrokerUnavailable) as error:
        raise pytest.UsageError(str(error)) from error
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        if not name.startswith((ENV_PREFIX + "TEST_", ENV_PREFIX + "BENCH_", ENV_PREFIX + "FAULT_")):
            del os.environ[name]  # the settings of whoever runs the tests are not the tests' settings


def pytest_unconfigure(config: pytest.Config) -> None:
    if (choice := config.stash.get(_CHOICE, None)) is not None:
        choice.stop()


def pytest_report_header(config: pytest.Config) -> str:
    return f"broker: {config.stash[_CHOICE]}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()) or item.get_closest_marker("needs"):
            item.add_marker(pytest.mark.broker)


def pytest_runtestloop(session: pytest.Session) -> None:
    # Before the first test, because its first start may fetch jars for longer than a test may take.
    if session.config.option.collectonly or not any(item.get_closest_marker("broker") for item in session.items):
        return
    choice = session.config.stash[_CHOICE]
    expected = str(choice)
    try:
        choice.running()
    except BrokerUnavailable as error:
        raise pytest.UsageError(str(error)) from error
    if str(choice) != expected:
        session.config.get_terminal_writer().line(f"broker: {choice}")


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config) -> Broker:
    """The broker of this run, started."""
    return pytestconfig.stash[_CHOICE].running()


@pytest.fixture
def make_settings(broker: Broker) -> Iterator[MakeSettings]:
    """Settings on the running broker; every call in a test gives the same topics and group, removed afterwards."""
    unique = uuid.uuid4().hex[:12]

    def make(**overrides: object) -> Settings:
        own: dict[str, object] = {
            "kafka_bootstrap_servers": broker.bootstrap_servers,
            "topic_prefix": f"t{unique}.",
            "app_id": f"t{unique}",
            "metrics_port": 0,
        }
        return load_settings(**(own | overrides))

    yield make
    remove_topics(broker, f"t{unique}.")


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings on the running broker, with topics and group of the test's own."""
    return make_settings()


@pytest.fixture(scope="session")
def redis_of_all_tests() -> Iterator[RedisServer]:
    """The Redis of this run, started; for `redis_url`."""
    server = redis_server()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(redis_of_all_tests: RedisServer) -> str:
    """An empty Redis that the test may fill as it likes."""
    with redis.Redis.from_url(redis_of_all_tests.url) as client:
        client.flushall()
    return redis_of_all_tests.url


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs_system"):
        if sys.platform not in marker.args:
            _unmet(item, f"only {', '.join(marker.args)} can show it", fail=False)
    if item.get_closest_marker("needs_root") and os.geteuid() != 0:
        _unmet(item, "only root may mount a disk", fail=False)
    for marker in item.iter_markers("needs_tool"):
        if missing := [name for name in marker.args if shutil.which(name) is None]:
            _unmet(item, f"no {', '.join(missing)} on the PATH", fail=_strict())
    wanted = {name for marker in item.iter_markers("needs") for name in marker.args}
    if unknown := wanted - CAPABILITIES:
        pytest.fail(f"no broker is known for {', '.join(sorted(unknown))}; known: {', '.join(sorted(CAPABILITIES))}")
    if wanted:
        running = item.config.stash[_CHOICE].running()
        if missing := sorted(wanted - running.capabilities):
            _unmet(item, f"the {running.kind} broker cannot show: {', '.join(missing)}", fail=False)


def _strict() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"} or os.environ.get("BURNLINE_TEST_STRICT") == "1"


def _unmet(item: pytest.Item, reason: str, *, fail: bool) -> None:
    if fail:
        pytest.fail(reason, pytrace=False)
    item.config.stash[_UNMET][item.nodeid] = reason
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.nodeid not in item.config.stash[_UNMET]:
        report.outcome = "failed"
        report.longrepr = f"skipped without a need: mark {item.nodeid} with needs or needs_tool"
    if report.failed and item.get_closest_marker("broker") and not works(item.config.stash[_CHOICE].running()):
        # Hundreds of tests would wait for it, each until its time is up.
        item.session.shouldstop = f"the broker has stopped working at {item.nodeid}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} is skipped as a whole: mark its tests with needs or needs_tool"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    unmet = config.stash[_UNMET]
    if not unmet:
        return
    terminalreporter.section(f"not shown here; broker: {config.stash[_CHOICE]}")
    for nodeid, reason in sorted(unmet.items(), key=lambda entry: (entry[1], entry[0])):
        terminalreporter.line(f"{reason}: {nodeid}")
