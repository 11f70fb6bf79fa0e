"""Where the demo shows itself: a live screen on a terminal, plain lines anywhere else."""

import io
import re
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from burnline.demo.screen import Screen
from burnline.demo.summary import Summary
from burnline.demo.view import Phase, View, burns, headline, minutes, rounded, usd
from burnline.detection.anomaly import Anomaly, rfc3339

_LINE_EVERY_S = 5.0
_PICTURE_COLUMNS, _PICTURE_LINES = 108, 30
_PICTURE_AT = 0.7  # of the trace: the runaway has run for twelve minutes


class Output(Protocol):
    """What the runner tells about a run. A context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def note(self, text: str) -> None:
        """A line about the start or the end."""

    def show(self, view: View) -> None:
        """How things stand; called a few times a second."""

    def changed(self, notice: Anomaly) -> None:
        """An anomaly has changed its state."""


class LiveOutput:
    """The screen, drawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """A line above the screen."""
        self._console.print(text, style="dim", highlight=False, markup=False)

    def show(self, view: View) -> None:
        """Draw anew."""
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        self._live.update(Screen(view), refresh=True)

    def changed(self, notice: Anomaly) -> None:
        """Nothing: the screen lists the notices."""


class PlainOutput:
    """A line every few seconds, and one for each change of an anomaly; no colours."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = 0.0
        self._phase: Phase | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def note(self, text: str) -> None:
        """A line."""
        self._console.print(text, highlight=False, markup=False)

    def show(self, view: View) -> None:
        """A line, if the last one was some seconds ago or told of something else."""
        if view.elapsed_s >= self._next_s or view.phase is not self._phase:
            self._next_s = view.elapsed_s + _LINE_EVERY_S
            self._phase = view.phase
            self.note(progress_line(view))

    def changed(self, notice: Anomaly) -> None:
        """A line."""
        self.note(notice_line(notice))


class Picture:
    """Passes everything on, and leaves the screen of one moment behind as an SVG file."""

    def __init__(self, inner: Output, file: Path) -> None:
        self._inner = inner
        self._file = file
        self._view: View | None = None
        self.note, self.changed = inner.note, inner.changed

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)
        if self._view is not None:
            save_picture(self._view, self._file)

    def show(self, view: View) -> None:
        """Show it, and keep it unless the moment for the picture has passed."""
        self._inner.show(view)
        if self._view is None or view.offset_ms <= _PICTURE_AT * view.length_ms:
            self._view = view


def output_for(console: Console) -> Output:
    """What suits the console."""
    return LiveOutput(console) if console.is_terminal else PlainOutput(console)


def save_picture(view: View, file: Path) -> None:
    """Write the screen as SVG."""
    console = Console(
        record=True, file=io.StringIO(), force_terminal=True, width=_PICTURE_COLUMNS, height=_PICTURE_LINES
    )
    console.print(Screen(view))
    # Rich's own frame fetches its font from a public host; whoever looks at ours fetches nothing.
    svg = console.export_svg(title="burnline demo")
    file.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL), encoding="utf-8")


def progress_line(view: View) -> str:
    """How things stand, in a line."""
    top = ", ".join(f"{row.session_id} {usd(row.long_pico_usd_per_hour)}" for row in view.top[:3]) or "none"
    others = f" and {view.counted_of_others:,} of yours" if view.counted_of_others else ""
    return (
        f"{minutes(view.offset_ms)} of {minutes(view.length_ms)} | {view.counted:,} events counted{others}, "
        f"{view.events_per_second:,.0f}/s | {usd(view.spent_pico_usd)} USD spent, burning "
        f"{usd(view.burn_pico_usd_per_hour)} USD/h | top USD/h: {top}"
    )


def notice_line(notice: Anomaly) -> str:
    """A change of an anomaly, in a line."""
    return (
        f"anomaly {headline(notice)}: session {notice.session_id} of {notice.org_id}/{notice.agent_id}, "
        f"{burns(notice)}, {rounded(notice.spend_usd)} USD spent, event time {rfc3339(notice.updated_at)}"
    )


def summary_lines(summary: Summary) -> list[str]:
    """A run's result, for people."""
    lines = [
        f"{summary.published:,} events published, {summary.acknowledged:,} acknowledged, "
        f"{summary.counted:,} counted, {summary.dead_letters:,} dead letters",
        f"{summary.sessions:,} session ledgers: {summary.cost_usd} USD, "
        f"{summary.embedding_cost_usd} of it for embeddings",
        f"caching saved {summary.cache_savings_usd} USD; the run took {summary.duration_s:g} s",
    ]
    if summary.usd_over_http is not None:
        lines.insert(2, f"over HTTP: {summary.usd_over_http} USD of {summary.events_over_http:,} events")
    lines += [
        f"anomaly of {story.session_id}: {' → '.join(story.states)}, {rounded(story.spend_usd)} USD spent"
        for story in summary.anomalies
    ] or ["no anomalies"]
    return lines + [f"missing: {sentence}" for sentence in summary.missing]
