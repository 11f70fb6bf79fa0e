"""`burnline controls`: what runtimes are asked to do, set, listed and lifted."""

import json
import re
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from burnline.cli.reached import settings_with_brokers
from burnline.cli.reference import built, entries, failure, print_whole, written
from burnline.cli.root import EXIT_MISTAKE, cli, console
from burnline.cli.times import TIME_HELP, clock_ms, epoch_ms
from burnline.controls.control import Action, Control, ControlScope, Mode, control_key
from burnline.pricing.dated import utc_text
from burnline.topics.catalogue import topics_for

controls = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Controls: what the runtimes of an organisation, agent or session are asked to do.\n\nA runtime asks the SDK "
    "([bold]Controls.allowed[/bold]) or the API before it goes on. Of those in force the narrowest counts: session, "
    "agent, organisation. Unless [bold]--enforce[/bold] is said, it is only recorded what would be done.",
)
cli.add_typer(controls, name="controls")

ScopeArgument = Annotated[ControlScope, typer.Argument(help="Whom it is for.")]
Who = Annotated[
    str, typer.Argument(metavar="WHO", help="ORG; or ORG/NAME of an agent or a session. %2F for a slash in ORG.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@controls.command("set")
def set_control(
    scope: ScopeArgument,
    who: Who,
    action: Annotated[Action, typer.Argument(help="What is asked.")],
    reason: Annotated[str, typer.Option(help="Why; the agent is told.")] = "Set by hand.",
    enforce: Annotated[bool, typer.Option("--enforce", help="Have it obeyed, and not only recorded.")] = False,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long, such as 90s, 30m, 2h, 1d.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help=f"Until when: {TIME_HELP}.")] = None,
    source: Annotated[str, typer.Option(help="Who or what sets it.")] = "manual",
    as_json: AsJson = False,
) -> None:
    """Ask runtimes to warn, downgrade, throttle, pause, stop or resume, until it is lifted or its time is over."""
    now_ms = clock_ms()
    org_id, name = _names(scope, who)
    control = built(
        Control, scope=scope, org_id=org_id, name=name, action=action, reason=reason, source=source, updated_at=now_ms,
        mode=Mode.ENFORCE if enforce else Mode.OBSERVE, expires_at=_expiry_ms(lasting, until, now_ms),
    )  # fmt: skip
    settings = settings_with_brokers()
    topic = topics_for(settings).controls
    before = entries(settings, topic, Control.parse, create=True).get(control.key())
    where = written(settings, topic, control.key(), control)
    if as_json:
        typer.echo(json.dumps({"key": control.key(), "epoch": where.offset, **_fields(control)}))
        return
    _say(f"{control.key()}: {_line(control)}, epoch {where.offset}.", style="green")
    _say(f"Before: {'nothing' if before is None else _line(before)}. burnline controls clear {scope} '{who}' lifts it.")


@controls.command("list")
def list_controls(
    every: Annotated[bool, typer.Option("--all", help="Also those whose time is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the controls in force."""
    settings, now_ms = settings_with_brokers(), clock_ms()
    found = entries(settings, topics_for(settings).controls, Control.parse)
    rows = [found[key] for key in sorted(found) if every or not _is_over(found[key], now_ms)]
    if as_json:
        for control in rows:
            typer.echo(json.dumps({"key": control.key(), **_fields(control)}))
        return
    if not rows:
        _say("None is in force. burnline controls set session ORG/SESSION stop --enforce sets one.")
        return
    table = Table("control", "action", "mode", "until", "reason", "by", "since", box=None)
    for control in rows:
        until, since = ("" if at is None else utc_text(at) for at in (control.expires_at, control.updated_at))
        cells = (control.key(), control.action, control.mode, until, control.reason, control.source, since)
        table.add_row(*map(Text, cells))
    print_whole(table)


@controls.command("clear")
def clear_control(scope: ScopeArgument, who: Who) -> None:
    """Lift a control; a wider one counts again. Exit code 1 if there is none."""
    settings = settings_with_brokers()
    topic = topics_for(settings).controls
    key = control_key(scope, *_names(scope, who))
    before = entries(settings, topic, Control.parse).get(key)
    if before is None:
        raise failure(f"There is no control {key}.")
    written(settings, topic, key, None)
    _say(f"{key}: lifted. It was {_line(before)}.", style="green")


def _names(scope: ControlScope, who: str) -> tuple[str, str]:
    org, slash, name = who.partition("/")
    if (scope is ControlScope.ORG) is bool(slash):
        wanted = "ORG" if scope is ControlScope.ORG else f"ORG/{scope.upper()}"
        raise failure(f"WHO={who}: a control of a scope {scope} wants {wanted}", EXIT_MISTAKE)
    return org.replace("%2F", "/").replace("%25", "%"), name


def _expiry_ms(lasting: str | None, until: str | None, now_ms: int) -> int | None:
    if lasting is not None and until is not None:
        raise failure(f"--for {lasting} and --until {until}: give one of them", EXIT_MISTAKE)
    if until is not None:
        return epoch_ms(until)
    if lasting is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", lasting)
    if found is None:
        raise failure(f"--for {lasting}: a time such as 90s, 30m, 2h or 1d is wanted", EXIT_MISTAKE)
    return now_ms + int(found[1]) * _UNITS[found[2]]


def _is_over(control: Control, now_ms: int) -> bool:
    return control.expires_at is not None and control.expires_at <= now_ms


def _fields(control: Control) -> dict[str, Any]:
    return control.model_dump(mode="json", exclude_none=True)


def _line(control: Control) -> str:
    until = "until it is lifted" if control.expires_at is None else f"until {utc_text(control.expires_at)}"
    how = "enforced" if control.mode is Mode.ENFORCE else "only observed"
    return f"{control.action}, {how}, {until}: {control.reason}"


def _say(sentence: str, style: str | None = None) -> None:
    console.print(sentence, style=style, highlight=False, markup=False)
