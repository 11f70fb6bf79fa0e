"""Which cause an incident is given."""

import pytest

from burnline.detection.learned.causes import Split
from burnline.detection.learned.naming import cause_of
from burnline.detection.learned.rules import RULES, Cause, Rule
from burnline.detection.learned.statistic import Statistic


def rule(cause: Cause) -> Rule:
    return next(each for each in RULES if each.cause is cause)


CACHE, MODEL, MANY = rule(Cause.CACHE_COLLAPSE), rule(Cause.MODEL_SWITCH), rule(Cause.VOLUME)
LOST = Split(volume=1, size=0, model=0, cache=9, price=0)


@pytest.mark.parametrize(
    ("fired", "change", "lost", "cause"),
    [
        pytest.param(CACHE, LOST, True, Cause.CACHE_COLLAPSE, id="no hits any more"),
        pytest.param(CACHE, LOST, False, Cause.CONTEXT_GROWTH, id="fewer hits: what is new in a prompt is in no cache"),
        pytest.param(CACHE, LOST._replace(size=10), True, Cause.CONTEXT_GROWTH, id="size explains more"),
        pytest.param(MODEL, LOST._replace(model=10, cache=0), False, Cause.MODEL_SWITCH, id="another model"),
        pytest.param(MANY, LOST._replace(volume=9, cache=0), True, Cause.VOLUME, id="more calls"),
        pytest.param(MANY, LOST._replace(size=9, cache=0), True, Cause.CONTEXT_GROWTH, id="larger calls"),
        pytest.param(CACHE, None, True, Cause.CACHE_COLLAPSE, id="nothing is usual yet"),
    ],
)
def test_a_cause_is_what_explains_the_change(fired: Rule, change: Split | None, cause: Cause, *, lost: bool) -> None:
    assert cause_of([fired], change, lambda _each, _least: False, cache_is_lost=lost) is cause


@pytest.mark.parametrize(("alike", "cause"), [(3, Cause.MODEL_SWITCH), (4, Cause.RETRY_LOOP)])
def test_calls_that_repeat_are_a_loop_whatever_model_they_go_to(alike: int, cause: Cause) -> None:
    change = LOST._replace(model=10)

    def beyond(each: Statistic, least: int) -> bool:
        return each is Statistic.ALIKE_CALLS and alike >= least

    assert cause_of([MODEL], change, beyond) is cause
