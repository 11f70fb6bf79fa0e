"""The usual course of a fault test."""

from collections.abc import Callable, Sequence

from tests.faults.injector import Injector
from tests.faults.load import Expected
from tests.faults.schedule import Fault
from tests.faults.stage import Outcome, Stage


def play(stage: Stage, schedule: Sequence[Fault], *, workers: int | None = None) -> Outcome:
    """Start workers and load, do the faults, let the stream drain, and check that nothing is lost or doubled.

    Args:
        stage: A new stage.
        schedule: What is to go wrong.
        workers: How many slots start with a worker; all of them if not said.

    Raises:
        AssertionError: Something is lost, doubled, or otherwise not as it has to be.
    """
    begin(stage, workers=workers)
    injector = Injector(stage)
    injector.play(schedule)
    return settle(stage, injector.problems)


def begin(stage: Stage, *, workers: int | None = None) -> None:
    """Start workers, and the load when they are ready."""
    for slot in stage.fleet.slots[:workers]:
        slot.start()
    stage.fleet.wait_ready()
    stage.publisher.start()


def settle(stage: Stage, problems: Sequence[str] = (), *, expected: Callable[[int], Expected] | None = None) -> Outcome:
    """Let the stream drain, and check that nothing is lost or doubled.

    Args:
        stage: A stage with a running publisher, at least one worker, and no fault.
        problems: What was wrong before.
        expected: What must have come of so many rounds, if not what the load says.
    """
    outcome = stage.finish(expected)
    verdict, published = outcome.verdict, outcome.published
    print(
        f"{published.good} events, {published.repeated} repeated, {len(published.bad)} bad; "
        f"{outcome.takeovers} takeovers, {outcome.fresh_starts} fresh starts, drained in {outcome.drained_s:.1f} s; "
        f"lost {verdict.lost}, doubled {verdict.doubled}, {verdict.anomalies} anomalies, {verdict.retired} retired"
    )
    wrong = [*problems, *verdict.problems]
    assert not wrong, "\n".join(wrong)
    assert verdict.events == published.good
    return outcome
