"""`burnline import`: usage that others have written down, counted once however often it is imported."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from burnline.cli.import_run import Rows, Wanted, run
from burnline.cli.root import cli
from burnline.cli.times import clock_ms
from burnline.imports import claude_code, codex, langfuse, litellm, mapped, openai, parquet
from burnline.imports.found import files_below
from burnline.imports.report import GROUPS

imports = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Import usage that others have written down. An event's id comes from its source, and what was imported is "
    "remembered: a second import counts nothing twice, and goes on where the first one was stopped.\n\n"
    "What happened longer ago than the windows reach back is counted, and raises no alarm.",
)
cli.add_typer(imports, name="import")

Org = Annotated[str | None, typer.Option("--org", metavar="ORG", help="Organisation that pays; --report needs none.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Agent of rows that name none.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Leave out what is older: a day or time, ISO 8601.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, and send nothing.")]
OnlyReport = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Print what was used and cost: by the prices in force if brokers are named, else by the bundled ones.",
    ),
]
By = Annotated[str, typer.Option("--by", metavar="GROUPS", help=f"Rows of the report, of {', '.join(GROUPS)}.")]
Zone = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Whose days they are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Again = Annotated[bool, typer.Option("--again", help="Send what is remembered as imported, too.")]


def _of_every_source(
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> dict[str, Any]:
    return locals()


class Source(NamedTuple):
    """What is to be imported: its rows, and how many bytes they are."""

    rows: Rows
    size: int


def _import_command(
    name: str, usual_agent: str, *, unique_in_session: bool = False
) -> Callable[[Callable[..., Source]], None]:
    """Make a command of a function from a source's own arguments to what it holds: it takes the options of all, too."""

    def register(source_of: Callable[..., Source]) -> None:
        own, common = (inspect.signature(each).parameters for each in (source_of, _of_every_source))

        def command(**given: Any) -> None:
            source = source_of(**{name: given[name] for name in own})
            options = _of_every_source(**{name: given[name] for name in common})
            options["agent"] = options["agent"] or usual_agent
            run(source.rows, source.size, Wanted(**options, unique_in_session=unique_in_session))

        parameters = [*own.values(), *common.values()]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # which Typer reads
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        imports.command(name, help=inspect.getdoc(source_of))(command)

    return register


Paths = Annotated[list[Path] | None, typer.Argument(metavar="[PATH]...", help="Folders or files.")]
OneFile = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)]
MappingFile = Annotated[
    Path,
    typer.Option("--mapping", metavar="MAPPING.toml", exists=True, dir_okay=False, help="Which column is which field."),
]


@_import_command("claude-code", claude_code.AGENT)
def _claude_code(paths: Paths = None) -> Source:
    """Claude Code's transcripts, sub-agents included; by default those of ~/.claude/projects.

    Each message is one event, although it is written several times. Its project is the folder's name, its run a
    sub-agent's id.

      burnline import claude-code --report --by day,project
      burnline import claude-code --org acme

    Exit code 0 when all was acknowledged, 1 when something failed, 2 for wrong arguments, 130 after Ctrl-C.
    """
    found = _paths(paths, claude_code.folders(), "~/.claude/projects")
    return Source(partial(claude_code.read, found), _bytes(found, "*.jsonl"))


@_import_command("codex", codex.AGENT)
def _codex(paths: Paths = None) -> Source:
    """Codex' rollouts; by default those of ~/.codex/sessions. Options and exit codes as of claude-code."""
    found = _paths(paths, codex.folders(), "~/.codex/sessions")
    return Source(partial(codex.read, found), _bytes(found, "*.jsonl"))


@_import_command("csv", mapped.AGENT, unique_in_session=True)
def _csv(file: OneFile, mapping: MappingFile) -> Source:
    """A CSV file with a header, by a mapping of its columns (docs/in.md). Options and exit codes as of claude-code."""
    return Source(partial(mapped.read_csv, file, _mapping(mapping)), file.stat().st_size)


@_import_command("jsonl", mapped.AGENT, unique_in_session=True)
def _jsonl(file: OneFile, mapping: MappingFile) -> Source:
    """JSON objects, one a line, by a mapping of their fields (docs/in.md). Options and exit codes as of claude-code."""
    return Source(partial(mapped.read_jsonl, file, _mapping(mapping)), file.stat().st_size)


@_import_command("parquet", mapped.AGENT, unique_in_session=True)
def _parquet(file: OneFile, mapping: MappingFile) -> Source:
    """A Parquet file, by a mapping of its columns (docs/in.md); it needs the extra `api`.

    Options and exit codes as of claude-code.
    """
    return Source(partial(parquet.read_parquet, file, _mapping(mapping)), file.stat().st_size)


@_import_command("litellm", litellm.AGENT, unique_in_session=True)
def _litellm(file: OneFile) -> Source:
    """LiteLLM's spend logs: what `/spend/logs` answers, or a dump of its table, as JSON, JSON lines or CSV.

    A call is known by its response's id. Options and exit codes as of claude-code.
    """
    return Source(partial(litellm.read, file), file.stat().st_size)


@_import_command("langfuse", langfuse.AGENT)
def _langfuse(file: OneFile) -> Source:
    """Langfuse's observations, exported as JSON, JSON lines or CSV: from its pages, to a bucket, or by its API.

    Generations and embeddings count. Options and exit codes as of claude-code.
    """
    return Source(partial(langfuse.read, file), file.stat().st_size)


@_import_command("openai", openai.AGENT)
def _openai(file: OneFile) -> Source:
    """OpenAI's usage of an organisation, by model: pages of its usage API, or the CSV that its pages export.

    A row is one event: what a project and key used of a model in a span of time, which has to be over. Options and exit
    codes as of claude-code.
    """
    return Source(partial(openai.read, file, now_ms=clock_ms()), file.stat().st_size)


def _mapping(file: Path) -> mapped.FieldMapping:
    try:
        return mapped.FieldMapping.from_file(file)
    except mapped.MappingError as error:
        raise typer.BadParameter(str(error), param_hint="--mapping") from error


def _paths(given: list[Path] | None, own: list[Path], usual: str) -> list[Path]:
    paths = given or own
    if not paths:
        raise typer.BadParameter(f"there is no {usual} on this machine; name a folder", param_hint="PATH")
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"{path}: there is no such file or folder", param_hint="PATH")
    return paths


def _bytes(paths: list[Path], pattern: str) -> int:
    return sum(file.stat().st_size for path in paths for file in files_below(path, pattern))
