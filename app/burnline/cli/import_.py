"""`burnline import`: usage that others have written down, counted once however often it is imported."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from burnline.cli.import_run import Wanted, run
from burnline.cli.root import cli
from burnline.cli.times import clock_ms
from burnline.imports import claude_code, codex, langfuse, litellm, mapped, openai, parquet
from burnline.imports.found import Found, OnBytes, Unread, files_below
from burnline.imports.report import GROUPS

imports = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Import usage that others have written down. An event's id comes from its source, and what was imported is "
    "remembered: a second import counts nothing twice, and goes on where the first one was stopped.\n\n"
    "What happened longer ago than the windows reach back is counted, and raises no alarm.",
)
cli.add_typer(imports, name="import")

Paths = Annotated[list[Path] | None, typer.Argument(metavar="[PATH]...", help="Folders or files.")]
Org = Annotated[str | None, typer.Option("--org", metavar="ORG", help="Organisation that pays; --report needs none.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Agent of rows that name none.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Leave out what is older: a day or time, ISO 8601.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, and send nothing.")]
OnlyReport = Annotated[bool, typer.Option("--report", help="Print what was used and cost; needs no broker.")]
By = Annotated[str, typer.Option("--by", metavar="GROUPS", help=f"Rows of the report, of {', '.join(GROUPS)}.")]
Zone = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Whose days they are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Again = Annotated[bool, typer.Option("--again", help="Send what is remembered as imported, too.")]

MappedRows = Callable[[Path, mapped.FieldMapping, OnBytes], Iterator[Found | Unread]]


@imports.command("claude-code")
def import_claude_code(
    paths: Paths = None,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """Claude Code's transcripts, sub-agents included; by default those of ~/.claude/projects.

    Each message is one event, although it is written several times. Its project is the folder's name, its run a
    sub-agent's id.

      burnline import claude-code --report --by day,project
      burnline import claude-code --org acme

    Exit code 0 when all was acknowledged, 1 when something failed, 2 for wrong arguments, 130 after Ctrl-C.
    """
    wanted = Wanted(org, agent or claude_code.AGENT, since, dry_run, report, by, timezone, as_json, again)
    found = _paths(paths, claude_code.folders(), "~/.claude/projects")
    run(lambda on_bytes: claude_code.read(found, on_bytes), _bytes(found, "*.jsonl"), wanted)


@imports.command("codex")
def import_codex(
    paths: Paths = None,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """Codex' rollouts; by default those of ~/.codex/sessions. Options and exit codes as of claude-code."""
    wanted = Wanted(org, agent or codex.AGENT, since, dry_run, report, by, timezone, as_json, again)
    found = _paths(paths, codex.folders(), "~/.codex/sessions")
    run(lambda on_bytes: codex.read(found, on_bytes), _bytes(found, "*.jsonl"), wanted)


_File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)]
_MappingFile = Annotated[
    Path,
    typer.Option("--mapping", metavar="MAPPING.toml", exists=True, dir_okay=False, help="Which column is which field."),
]


@imports.command("csv")
def import_csv(
    file: _File,
    mapping: _MappingFile,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """A CSV file with a header, by a mapping of its columns (docs/in.md). Options and exit codes as of claude-code."""
    wanted = Wanted(org, agent or mapped.AGENT, since, dry_run, report, by, timezone, as_json, again, True)
    _run_mapped(mapped.read_csv, file, mapping, wanted)


@imports.command("jsonl")
def import_jsonl(
    file: _File,
    mapping: _MappingFile,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """JSON objects, one a line, by a mapping of their fields (docs/in.md). Options and exit codes as of claude-code."""
    wanted = Wanted(org, agent or mapped.AGENT, since, dry_run, report, by, timezone, as_json, again, True)
    _run_mapped(mapped.read_jsonl, file, mapping, wanted)


@imports.command("litellm")
def import_litellm(
    file: _File,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """LiteLLM's spend logs: what `/spend/logs` answers, or a dump of its table, as JSON, JSON lines or CSV.

    A call is known by its response's id. Options and exit codes as of claude-code.
    """
    wanted = Wanted(org, agent or litellm.AGENT, since, dry_run, report, by, timezone, as_json, again, True)
    run(lambda on_bytes: litellm.read(file, on_bytes), file.stat().st_size, wanted)


@imports.command("langfuse")
def import_langfuse(
    file: _File,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """Langfuse's observations, exported as JSON, JSON lines or CSV: from its pages, to a bucket, or by its API.

    Generations and embeddings count. Options and exit codes as of claude-code.
    """
    wanted = Wanted(org, agent or langfuse.AGENT, since, dry_run, report, by, timezone, as_json, again)
    run(lambda on_bytes: langfuse.read(file, on_bytes), file.stat().st_size, wanted)


@imports.command("openai")
def import_openai(
    file: _File,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """OpenAI's usage of an organisation, by model: pages of its usage API, or the CSV that its pages export.

    A row is one event: what a project and key used of a model in a span of time, which has to be over. Options and exit
    codes as of claude-code.
    """
    wanted = Wanted(org, agent or openai.AGENT, since, dry_run, report, by, timezone, as_json, again)
    run(lambda on_bytes: openai.read(file, on_bytes, now_ms=clock_ms()), file.stat().st_size, wanted)


@imports.command("parquet")
def import_parquet(
    file: _File,
    mapping: _MappingFile,
    org: Org = None,
    agent: Agent = None,
    since: Since = None,
    dry_run: DryRun = False,
    report: OnlyReport = False,
    by: By = "day,model",
    timezone: Zone = "UTC",
    as_json: AsJson = False,
    again: Again = False,
) -> None:
    """A Parquet file, by a mapping of its columns (docs/in.md); it needs the extra `api`.

    Options and exit codes as of claude-code.
    """
    wanted = Wanted(org, agent or mapped.AGENT, since, dry_run, report, by, timezone, as_json, again, True)
    _run_mapped(parquet.read_parquet, file, mapping, wanted)


def _run_mapped(read: MappedRows, file: Path, mapping: Path, wanted: Wanted) -> None:
    fields = _mapping(mapping)
    run(lambda on_bytes: read(file, fields, on_bytes), file.stat().st_size, wanted)


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
