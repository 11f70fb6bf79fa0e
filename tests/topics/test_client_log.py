"""A message is told once, and again when it is still true much later."""

import logging

import pytest

from burnline.topics.client_log import REPEAT_S, Dampen, tried_again_by_itself

REFUSED = "FAIL [rdkafka#consumer-{client}] 127.0.0.1:9092: Connection refused (after {ms}ms in state CONNECT)"


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("librdkafka", logging.ERROR, "", 0, text, None, None)


@pytest.mark.parametrize(
    ("second", "after_s", "told"),
    [
        (REFUSED.format(client=1, ms=0), 0.0, False),
        (REFUSED.format(client=2, ms=17), 1.0, False),
        (REFUSED.format(client=1, ms=0), REPEAT_S - 0.1, False),
        (REFUSED.format(client=1, ms=0), REPEAT_S, True),
        ("FAIL [rdkafka#consumer-1] 127.0.0.1:9092: SSL handshake failed", 0.0, True),
    ],
    ids=["the-same", "from-another-client", "just-before", "much-later", "another-message"],
)
def test_a_message_is_told_once_in_a_while(second: str, after_s: float, *, told: bool) -> None:
    now_s = 100.0
    dampen = Dampen(lambda: now_s)
    assert dampen.filter(_record(REFUSED.format(client=1, ms=0)))
    now_s += after_s
    assert dampen.filter(_record(second)) is told


def test_silence_is_not_prolonged_by_repetition() -> None:
    now_s = 0.0
    dampen = Dampen(lambda: now_s)
    told = []
    for second in range(int(REPEAT_S) * 2):
        now_s = float(second)
        told.append(dampen.filter(_record(REFUSED.format(client=1, ms=0))))
    assert told.count(True) == 2


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        pytest.param("GETPID [rdkafka#producer-3] [thrd:main]: … Not coordinator: retrying", True, id="asked again"),
        pytest.param("GETPID [rdkafka#producer-3] [thrd:main]: … Authorization failed", False, id="given up"),
        pytest.param("FAIL [rdkafka#producer-3] [thrd:main]: Connection refused: retrying", False, id="something else"),
    ],
)
def test_what_is_asked_again_by_itself_is_no_news(text: str, *, quiet: bool) -> None:
    record = logging.LogRecord("librdkafka", logging.WARNING, __file__, 1, "%s", (text,), None)
    assert tried_again_by_itself(record) == quiet
