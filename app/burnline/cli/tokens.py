"""`burnline tokens`: who may call the API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich import box
from rich.table import Table
from rich.text import Text

from burnline.api.access.roles import Role
from burnline.api.access.tokens import TokenRecord, mint
from burnline.cli.rate_view import time_text
from burnline.cli.reference import failure, print_whole
from burnline.cli.root import cli, console, err_console, settings_or_exit
from burnline.cli.times import clock_ms, duration_ms
from burnline.settings import Settings

if TYPE_CHECKING:
    from burnline.api.access.token_store import TokenFile

tokens = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Tokens: who may call the REST API, as what, and for which organisations.\n\nAs long as there is none (and no "
    "OIDC issuer), the API listens on this machine only and lets everyone there do everything. The first token ends "
    "that within a second, for good: a revoked token still counts. Tokens stand in Redis, hashed; nothing else can "
    "restore them, so let Redis keep its data over a restart.",
)
cli.add_typer(tokens, name="tokens")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@tokens.command()
def create(
    name: Annotated[str, typer.Option(help="Whose it is, for people.")],
    role: Annotated[
        Role, typer.Option(help="viewer reads, editor also sets rates and baselines, admin may do everything.")
    ] = Role.VIEWER,
    org: Annotated[
        list[str] | None, typer.Option(metavar="ORG", help="Sees only this organisation; may be repeated. All if none.")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(metavar="TIME", help="Ends after so long: 30m, 12h, 90d, 4w. Never if none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a token and show its secret, once: only a hash of it is kept."""
    lifetime_ms = None if expires_in is None else duration_ms(expires_in, "--expires-in")
    orgs = None if org is None else frozenset(org)
    now_ms = clock_ms()
    try:
        text, record = mint(
            name, role, orgs, now_ms=now_ms, expires_at=None if lifetime_ms is None else now_ms + lifetime_ms
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        hint = "--org" if wrong["loc"][0] == "orgs" else "--name"
        raise typer.BadParameter(wrong["msg"].removeprefix("Value error, "), param_hint=hint) from None
    with token_file_or_exit(settings_or_exit()) as file:
        file.add(record)
    if as_json:
        typer.echo(json.dumps({"token": text, **_shown(record, now_ms)}))
        return
    err_console.print(f"Token {record.id}, {_meaning(record)}. It is shown only now:", highlight=False, markup=False)
    typer.echo(text)


@tokens.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List all tokens, oldest first, without their secrets."""
    now_ms = clock_ms()
    with token_file_or_exit(settings_or_exit()) as file:
        found = file.all()
    if as_json:
        for record in found:
            typer.echo(json.dumps(_shown(record, now_ms)))
    elif found:
        print_whole(_table(found, now_ms))
    else:
        console.print("There are no tokens: the API lets in whoever is on its machine, and nobody else.", style="dim")


@tokens.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, as list shows it: the middle of bl_ID_….")],
    as_json: AsJson = False,
) -> None:
    """Revoke a token, for good; it is refused within a second. Exit code 1 if there is none of that id."""
    now_ms = clock_ms()
    with token_file_or_exit(settings_or_exit()) as file:
        record = file.revoke(token_id, now_ms)
    if record is None or record.revoked_at is None:
        raise failure(f"There is no token {token_id}.")
    if as_json:
        typer.echo(json.dumps(_shown(record, now_ms)))
    else:
        text = f"Token {record.id} ({record.name}) is revoked since {time_text(record.revoked_at)}."
        console.print(text, style="green", highlight=False, markup=False)


@contextmanager
def token_file_or_exit(settings: Settings) -> Iterator["TokenFile"]:
    """The tokens behind these settings; leaves with exit code 1 where Redis does not answer."""
    import redis  # a tenth of a second that other commands do not owe

    from burnline.api.access.setup import token_client, token_file

    with token_client(settings) as client:
        try:
            yield token_file(client, settings)
        except (redis.RedisError, OSError) as error:
            raise failure(f"Redis at {settings.redis_url} does not answer: {error}") from None


def _shown(record: TokenRecord, now_ms: int) -> dict[str, object]:
    return {**record.model_dump(mode="json", exclude={"sha256"}), "state": record.state(now_ms)}


def _meaning(record: TokenRecord) -> str:
    until = "" if record.expires_at is None else f", until {time_text(record.expires_at)}"
    return f"{record.role} of {_orgs(record)}{until}"


def _orgs(record: TokenRecord) -> str:
    return "all organisations" if record.orgs is None else ", ".join(sorted(record.orgs))


def _table(found: list[TokenRecord], now_ms: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("id", "name", "role", "organisations", "created", "expires", "state"):
        table.add_column(name, overflow="fold")
    for record in found:
        state = record.state(now_ms)
        expires = "never" if record.expires_at is None else time_text(record.expires_at)
        cells = (record.id, record.name, record.role, _orgs(record), time_text(record.created_at), expires, state)
        table.add_row(*map(Text, cells), style=None if state == "active" else "dim")
    return table
