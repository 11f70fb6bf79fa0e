"""The live screen: one picture of the demo per refresh, as wide and high as the terminal."""

from collections.abc import Iterator

from rich import box
from rich.bar import Bar
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from burnline.demo.tally import SessionBurn
from burnline.demo.view import Phase, Place, View, burns, headline, minutes, rounded, usd, window_name
from burnline.detection.anomaly import Anomaly, Severity, State, rfc3339

BRAND = "bold dark_orange"
_QUIET, _WARNING, _CRITICAL = "green3", "yellow1", "bold red1"
_SEVERITY = {Severity.WARNING: _WARNING, Severity.CRITICAL: _CRITICAL}
_FIXED_LINES = 15  # everything but rows of sessions and anomalies
_WIDE_COLUMNS = 100
_MOST_SESSIONS, _MOST_NOTICES = 10, 6
_CLOCK = slice(11, 19)  # hours, minutes and seconds of an RFC 3339 moment


class Screen:
    """One moment of the demo, for rich to draw."""

    def __init__(self, view: View) -> None:
        self.view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        view = self.view
        width, height = options.max_width, options.height or console.height
        notices = min(_MOST_NOTICES, max(3, (height - _FIXED_LINES) // 3))
        sessions = min(_MOST_SESSIONS, max(3, height - _FIXED_LINES - notices))
        parts: list[RenderableType] = [
            _progress(view),
            Text(),
            _figures(view, wide=width >= _WIDE_COLUMNS),
            Text(),
            _sessions(view, sessions, wide=width >= _WIDE_COLUMNS),
            Text(),
            _notices(view, notices),
        ]
        title = Text.assemble((" Burnline ", BRAND), ("an hour of real requests, one session runs away ", "dim"))
        yield Panel(
            Group(*parts), title=title, title_align="left", box=box.ROUNDED, border_style="grey42", padding=(0, 1)
        )
        yield from _footer(view.place)


def _progress(view: View) -> RenderableType:
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(no_wrap=True, justify="right")
    phase = f"{view.phase}, {view.speed:g}×" if view.phase is Phase.REPLAYING else str(view.phase)
    bar = ProgressBar(total=max(view.length_ms, 1), completed=view.offset_ms, complete_style="dark_orange")
    line.add_row(Text(phase, "bold"), bar, Text(f"{minutes(view.offset_ms)} of {minutes(view.length_ms)}"))
    return line


def _figures(view: View, *, wide: bool) -> RenderableType:
    published = f" of {view.published:,}" if wide else ""
    if view.counted_of_others:
        published += f" + {view.counted_of_others:,} of yours"
    figures = [
        ("events/s", f"{view.events_per_second:,.0f}", "bold"),
        ("counted", f"{view.counted:,}{published}", "bold"),
        ("spent", f"{usd(view.spent_pico_usd)} USD", "bold"),
        (f"burn, {window_name(view.place.long_window_s)}", f"{usd(view.burn_pico_usd_per_hour)} USD/h", "bold"),
        ("open anomalies", f"{view.open_anomalies}", _CRITICAL if view.open_anomalies else _QUIET),
        ("dead letters", f"{view.dead_letters:,}", _WARNING if view.dead_letters else "bold"),
    ]
    if wide:
        figures.insert(1, ("lag", f"{view.lag:,}", "bold"))
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    for name, figure, _ in figures:
        grid.add_column(ratio=max(len(name), len(figure)), no_wrap=True)
    grid.add_row(*(Text(name, "dim") for name, _, _ in figures))
    grid.add_row(*(Text(figure, style) for _, figure, style in figures))
    return grid


def _sessions(view: View, count: int, *, wide: bool) -> RenderableType:
    place = view.place
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim", show_edge=False)
    table.add_column("session", no_wrap=True, overflow="ellipsis")
    if wide:
        table.add_column("org / agent", no_wrap=True, overflow="ellipsis")
        table.add_column("model", no_wrap=True, overflow="ellipsis")
    table.add_column(f"USD/h {window_name(place.short_window_s)}", justify="right", no_wrap=True)
    table.add_column(window_name(place.long_window_s), justify="right", no_wrap=True)
    table.add_column("", ratio=1, min_width=8)
    table.add_column("spent USD", justify="right", no_wrap=True)
    rows = list(view.top[:count])
    scale = max([place.critical_pico_usd_per_hour, *(row.long_pico_usd_per_hour for row in rows)])
    for row in rows:
        owner = [Text(f"{row.org_id} / {row.agent_id}"), Text(row.model, "dim")] if wide else []
        style = _style(row, place)
        table.add_row(
            Text(("● " if row.severity else "  ") + row.session_id, style if row.severity else ""),
            *owner,
            usd(row.short_pico_usd_per_hour),
            Text(usd(row.long_pico_usd_per_hour), style),
            Bar(max(scale, 1), 0, row.long_pico_usd_per_hour, color=style.removeprefix("bold "), bgcolor="grey15"),
            usd(row.spent_pico_usd),
        )
    for _ in range(count - len(rows)):
        table.add_row("")
    return table


def _style(row: SessionBurn, place: Place) -> str:
    if row.severity:
        return _SEVERITY[row.severity]
    return _WARNING if row.long_pico_usd_per_hour > place.warning_pico_usd_per_hour else _QUIET


def _notices(view: View, count: int) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_row(Text("anomalies", "dim"), "", "")
    rows = list(view.notices[-count:])
    for notice in rows:
        table.add_row(*_notice_cells(notice))
    if not rows:
        table.add_row(Text("none so far", "dim"), "", "")
    for _ in range(count - max(len(rows), 1)):
        table.add_row("")
    return table


def _notice_cells(notice: Anomaly) -> Iterator[Text]:
    style = "green3" if notice.state is State.RESOLVED else _SEVERITY[notice.severity]
    yield Text(rfc3339(notice.updated_at)[_CLOCK], "dim")
    yield Text(headline(notice), style)
    yield Text.assemble(
        (notice.session_id, "bold"), f" {burns(notice)}", (f" · {rounded(notice.spend_usd)} USD spent", "dim")
    )


def _footer(place: Place) -> Iterator[Text]:
    api = Text.assemble((" API ", "dim"), (place.docs_url, "cyan"), "  ") if place.docs_url else Text()
    yield api + Text.assemble((" metrics ", "dim"), (place.metrics_url, "cyan"))
    yield Text.assemble(
        (" topics  ", "dim"), f"{place.topic_prefix}* on {place.brokers}", ("   Ctrl-C ends the demo", "dim")
    )
