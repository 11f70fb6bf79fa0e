"""Draws the plots as SVG: the same bytes for the same figures, and readable on light and dark pages.

python -m benchmarks.plots PLOTS.json FOLDER, in an environment that has requirements-bench.lock.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt  # after the backend is chosen
from matplotlib.ticker import FuncFormatter, NullFormatter

INK = "#808890"
COLOURS = ("#e8590c", "#1c7ed6")
COLUMNS = 3
STYLE = {
    "svg.hashsalt": "burnline",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def draw(panels: list[dict[str, Any]], file: Path) -> None:
    """Draw one file of several panels."""
    bars = panels[0]["kind"] == "bars"
    columns = 1 if bars else min(COLUMNS if len(panels) != len(COLOURS) * 2 else 2, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(8.6, (2.7 if bars else 2.5) * rows), squeeze=False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        (_draw_bars if bars else _draw_lines)(axis, panel)
    for axis in list(axes.flat)[len(panels) :]:
        axis.remove()
    figure.tight_layout()
    figure.savefig(file, transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _draw_bars(axis: Any, panel: dict[str, Any]) -> None:
    (series,) = panel["series"]
    names, values = series["x"], series["y"]
    colours = [COLOURS[0] if "Burnline" in name else COLOURS[1] for name in names]
    axis.barh(names, values, color=colours, xerr=_range(series), ecolor=INK, height=0.6)
    axis.set_xscale("log")
    axis.set_xlabel(panel["y_label"] + " (logarithmic)")
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    for place, value in enumerate(values):
        axis.annotate(f"  {_short(value, place)}", (series["most"][place], place), va="center")
    axis.margins(x=0.12)
    axis.xaxis.set_major_formatter(FuncFormatter(_short))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _draw_lines(axis: Any, panel: dict[str, Any]) -> None:
    for series, colour in zip(panel["series"], COLOURS, strict=False):
        axis.errorbar(
            series["x"], series["y"], yerr=_range(series), color=colour, marker="o", markersize=4, capsize=2,
            label=series["label"],
        )  # fmt: skip
    if panel["log"]:
        axis.set_xscale("log")
    else:
        axis.set_xticks(panel["series"][0]["x"])
    axis.xaxis.set_major_formatter(FuncFormatter(_short))
    axis.yaxis.set_major_formatter(FuncFormatter(_short))
    axis.set_ylim(bottom=0)
    axis.set_xlabel(panel["x_label"])
    axis.set_title(panel["y_label"], fontsize=9)
    if panel["series"][0]["label"]:
        axis.legend(fontsize=8)


def _range(series: dict[str, Any]) -> list[list[float]]:
    below = [y - least for y, least in zip(series["y"], series["least"], strict=True)]
    above = [most - y for y, most in zip(series["y"], series["most"], strict=True)]
    return [below, above]


def _short(value: float, _place: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 10_000)):
        if value >= size:
            return f"{value / (1_000_000 if unit == 'M' else 1_000):.3g}{unit}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Draw every plot of the file."""
    wanted = json.loads(Path(sys.argv[1]).read_text())
    with mpl.rc_context(STYLE):
        for name, panels in wanted.items():
            draw(panels, Path(sys.argv[2]) / f"{name}.svg")


if __name__ == "__main__":
    main()
