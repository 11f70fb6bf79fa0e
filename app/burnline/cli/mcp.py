"""`burnline mcp`: tools by which agents ask what they spend."""

from enum import StrEnum
from typing import Annotated

import typer

from burnline.addresses import is_loopback
from burnline.cli.reference import failure
from burnline.cli.root import EXIT_MISTAKE, cli


class Transport(StrEnum):
    """How clients reach it."""

    STDIO = "stdio"
    HTTP = "http"


@cli.command()
def mcp(
    transport: Annotated[Transport, typer.Option(help="stdio for one client that starts it; http for many.")] = (
        Transport.STDIO
    ),
    api: Annotated[
        str, typer.Option(metavar="URL", envvar="BURNLINE_MCP_API_URL", help="Where burnline api answers.")
    ] = "http://127.0.0.1:8080",
    token: Annotated[
        str | None,
        typer.Option(envvar="BURNLINE_MCP_TOKEN", help="Token for the API; over http each client may bring its own."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address for http.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port for http; the path is /mcp.")] = 8081,
) -> None:
    """Serve the Model Context Protocol: my_spend, may_i_continue, explain_charge and others.

    The tools only read, from [bold]burnline api[/bold], and see what the token sees. A client that starts programs is
    told: command burnline, arguments mcp, environment BURNLINE_MCP_TOKEN. Over http the Authorization of each caller
    goes on to the API, so no token is needed here; one that is given holds for callers without.
    """
    if not api.startswith(("http://", "https://")):
        raise failure(f"--api {api!r} is no http:// or https:// URL", EXIT_MISTAKE)
    if transport is Transport.HTTP and token is not None and not is_loopback(host):
        raise failure(f"--token would let anyone in who reaches {host}: each caller brings its own", EXIT_MISTAKE)
    from burnline.mcp.server import build_server  # half a second that no other command has to wait for

    server = build_server(api, token)
    try:
        if transport is Transport.STDIO:
            server.run("stdio")
        else:
            server.run("streamable-http", host=host, port=port, stateless_http=True)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
