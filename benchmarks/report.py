"""From figures to what people read: tables and targets in docs/benchmarks.md, plots beside it."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.figures import plots
from benchmarks.peers.programs import CACHE, ROOT, PeerUnavailable, make_environment
from benchmarks.results import Results
from benchmarks.tables import tables
from benchmarks.targets import target_table

BEGIN, END = "<!-- measured: begin (written by make bench) -->", "<!-- measured: end -->"
LOCK = ROOT / "requirements-bench.lock"


def write(results: Results, folder: Path) -> list[Path]:
    """Write benchmarks.md, of which only what stands between two marks is replaced, and benchmarks/ beside it.

    Returns:
        The files that were written.
    """
    beside = folder / "benchmarks"
    beside.mkdir(parents=True, exist_ok=True)
    copied = beside / "results.json"
    shutil.copyfile(results.file, copied)
    drawn, why_not = _draw(results, beside)
    page = folder / "benchmarks.md"
    before, after = _around(page)
    lines = [
        BEGIN,
        "",
        _machine(results),
        "",
        *target_table(results),
        "",
        *tables(results, {path.stem for path in drawn}),
    ]
    if why_not:
        lines += [f"Plots were not drawn: {why_not}", ""]
    page.write_text(before + "\n".join([*lines, END]) + after)
    return [page, copied, *drawn]


def _around(page: Path) -> tuple[str, str]:
    text = page.read_text() if page.is_file() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} lacks the marks between which the figures stand: {BEGIN} and {END}")
    return text.partition(BEGIN)[0], text.partition(END)[2]


def _machine(results: Results) -> str:
    machine = results.content["machine"]
    java = f"Java {machine['java']}" if machine["java"] else "no Java"
    commits = sorted({part["commit"] for part in results.content["parts"].values()})
    return (
        f"Measured {results.content['began']} on {machine['cores']} cores of an {machine['cpu']}, "
        f"{machine['memory_gib']} GiB of memory, Linux {machine['kernel']}, Python {machine['python']}, {java}; "
        f"Apache Kafka {machine['kafka']} on the same cores, one broker. Commit {', '.join(commits)}; "
        f"load average before: {machine['load_average_before']}. Scale: {results.content['scale']}. "
        "Figures are medians, with the least and the most in brackets."
    )


def _draw(results: Results, folder: Path) -> tuple[list[Path], str | None]:
    wanted = plots(results)
    try:
        environment = make_environment(CACHE / "venv-plots", LOCK)
    except PeerUnavailable as why:
        return [], str(why)
    specification = CACHE / "plots.json"
    specification.write_text(wanted)
    command = [str(environment / "bin" / "python"), "-m", "benchmarks.plots", str(specification), str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return sorted(folder.glob("*.svg")), None
