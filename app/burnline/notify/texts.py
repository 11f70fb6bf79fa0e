"""Titles and texts of notices for people: templates of one's own, in a sandbox, or what Burnline says by itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from jinja2 import StrictUndefined, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from burnline.detection.anomaly import Anomaly, Severity, State, rfc3339
from burnline.detection.notes import NOTHING_SAID, Notes
from burnline.detection.summary import summary
from burnline.notify import messages

MAX_CHARACTERS = 8_000
"""A rendered text is cut there."""
LARGEST_POWER = 64
MOST_MULTIPLIED = 10**30
MOST_REPEATED = 1_000_000
"""What a template may make by a product: a number, or the length of a text or list."""
_MADE_UP_MS = 1_764_000_000_000


class _Sandbox(ImmutableSandboxedEnvironment):
    """Reaches nothing but what it is given, and makes nothing huge out of it by a product or a power."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """As it is, as long as what comes of it is not large.

        Raises:
            SecurityError: It would be.
        """
        sizes = [len(one) if isinstance(one, str | list | tuple) else abs(one) for one in (left, right)]
        largest = MOST_MULTIPLIED if all(isinstance(one, int | float) for one in (left, right)) else MOST_REPEATED
        if (operator == "**" and sizes[1] > LARGEST_POWER) or sizes[0] * sizes[1] > largest:
            raise SecurityError(f"{operator}: what comes of it is too large")
        return super().call_binop(context, operator, left, right)


_sandbox = _Sandbox(undefined=StrictUndefined, autoescape=False)  # texts, no HTML


class Text(NamedTuple):
    """What is told: a line, and the rest."""

    title: str
    body: str


class Texts:
    """How a sink's titles and texts are made."""

    def __init__(self, title: str | None, body: str | None, link: str | None) -> None:
        """Compile templates; None is what Burnline says by itself.

        Raises:
            ValueError: One cannot be compiled, or not rendered for a made-up anomaly; it is named.
        """
        self._link = link
        self._templates = {}
        for name, source in (("title", title), ("text", body)):
            if source is None:
                continue
            try:
                self._templates[name] = _sandbox.from_string(source)
            except TemplateError as error:
                raise ValueError(f"{name}: {error}") from error
        for state in State:
            self.of(messages.made_up(state, Severity.WARNING, 1, _MADE_UP_MS, "made-up"), NOTHING_SAID)

    @classmethod
    def checked(cls, title: str | None, body: str | None) -> Self:
        """As the constructor, without a link: for whoever only wants to know whether they are right."""
        return cls(title, body, None)

    def of(self, notice: Anomaly, notes: Notes) -> Text:
        """A notice in words, with what people say of its anomaly.

        Raises:
            ValueError: A template cannot be rendered for it.
        """
        page, line = messages.page(self._link, notice), summary(notice)
        known = {
            "notice": notice.model_dump(mode="json"),
            "notes": {kind: one and one.model_dump(mode="json") for kind, one in notes._asdict().items()},
            "summary": line,
            "link": page,
        }
        title = self._rendered("title", known, messages.title(notice))
        own = "\n".join(filter(None, (line, *said(notes), page)))
        return Text(" ".join(title.split()), self._rendered("text", known, own))

    def _rendered(self, name: str, known: Mapping[str, Any], otherwise: str) -> str:
        template = self._templates.get(name)
        if template is None:
            return otherwise
        try:
            return template.render(known)[:MAX_CHARACTERS]
        except (TemplateError, ArithmeticError, LookupError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from error


def said(notes: Notes) -> list[str]:
    """What people say of an anomaly, a line each."""
    lines = []
    if notes.acknowledgement is not None:
        lines.append(f"acknowledged by {notes.acknowledgement.by}")
    if notes.silence is not None and notes.silence.until is not None:
        lines.append(f"silenced by {notes.silence.by} until {rfc3339(notes.silence.until)}")
    if notes.feedback is not None:
        lines.append(f"feedback by {notes.feedback.by}: {notes.feedback.verdict}")
    words = (note.words for note in notes if note is not None)
    return [line if why is None else f"{line}: {why}" for line, why in zip(lines, words, strict=True)]
