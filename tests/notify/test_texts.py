"""Titles and texts: what Burnline says by itself, templates of one's own, and what a template may not do."""

import pytest

from burnline.detection.anomaly import Severity, State
from burnline.detection.notes import NOTHING_SAID, Notes, Verdict, acknowledged, judged
from burnline.notify.messages import made_up
from burnline.notify.texts import MAX_CHARACTERS, Texts, said

NOW = 1_764_000_000_000
NOTICE = made_up(State.OPENED, Severity.WARNING, 1, NOW, "made-up")
SEEN = Notes(
    acknowledgement=acknowledged(NOTICE, by="ada", at_ms=NOW, words="on it"),
    feedback=judged(NOTICE, Verdict.PLANNED, by="ben", at_ms=NOW, words=None),
)


def test_by_itself_it_says_what_happened_what_people_say_and_where_to_look() -> None:
    text = Texts(None, None, "https://burn.example").of(NOTICE, SEEN)
    assert text.title == "Burnline: warning opened, burnline-test / made-up"
    assert text.body.splitlines()[1:] == [
        "acknowledged by ada: on it",
        "feedback by ben: planned",
        "https://burn.example/anomalies/made-up",
    ]
    assert said(NOTHING_SAID) == []


def test_a_template_has_the_notice_what_people_say_a_summary_and_a_link() -> None:
    own = Texts(
        "{{ notice.severity | upper }}\n{{ notice.org_id }}",
        "{{ summary }} {{ notes.acknowledgement.by if notes.acknowledgement else 'nobody' }} {{ link }}",
        "https://burn.example",
    )
    text = own.of(NOTICE, SEEN)
    assert text.title == "WARNING burnline-test"  # a title is one line
    assert text.body.endswith("ada https://burn.example/anomalies/made-up")
    assert "nobody" in own.of(NOTICE, NOTHING_SAID).body


@pytest.mark.parametrize(
    ("title", "text", "why"),
    [
        pytest.param("{{ notice.", None, "title: ", id="no template"),
        pytest.param(None, "{{ notice.no_such_field }}", "text: .*no_such_field", id="no such field"),
        pytest.param(None, "{{ ''.__class__.__mro__ }}", "text: .*unsafe", id="out of the sandbox"),
        pytest.param(None, "{{ notice.update({'severity': 'low'}) }}", "text: .*unsafe|not safely", id="a change"),
        pytest.param(None, "{{ 1 / 0 }}", "text: division by zero", id="arithmetic"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_named_before_anything_is_sent(
    title: str | None, text: str | None, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Texts.checked(title, text)


def test_a_text_has_an_end() -> None:
    assert len(Texts(None, "{{ 'x' * 100000 }}", None).of(NOTICE, NOTHING_SAID).body) == MAX_CHARACTERS


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ notice.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ '{0.__class__}'.format(notice) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ range(10**9)|length }}",
        "{{ 'x' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ 10 ** 100 }}",
        "{{ notice.update({'org_id': 'other'}) }}",
    ],
)
def test_a_template_reaches_nothing_but_what_it_is_given(source: str) -> None:
    with pytest.raises(ValueError, match="title"):
        Texts.checked(source, None)


def test_a_template_may_count() -> None:
    assert Texts.checked("{{ 3 * 4 + 2 ** 3 }}", None).of(NOTICE, NOTHING_SAID).title == "20"
