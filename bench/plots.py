"""Draws how one run's figures grow, as SVG for RESULTS.md: calls by clients, latency by size,
launch by nodes. Needs matplotlib (requirements.txt); the series themselves are pure.
"""

import dataclasses
import re

import entries

BYTES = {"KiB": 1024, "MiB": 1024 * 1024}
SMALL_CALL = 64  # Bytes of the synchronous call.
LINE_STYLES = {"cpp": "-", "py": "--"}


@dataclasses.dataclass(frozen=True)
class Plot:
    """One figure: `series` makes [(x, y), ...] of a contender out of what was measured."""

    name: str
    title: str
    x_label: str
    y_label: str
    series: object


def size_of(label):
    """Bytes of '16 MiB'."""
    number, unit = label.split()
    return int(number) * BYTES[unit]


def points(found, contender, work):
    """{metric: median} of a contender's work."""
    return {m: value for (c, w, m), (value, _) in found.items() if (c, w) == (contender, work)}


def clients_series(found, contender):
    """Calls per second by the number of clients."""
    return sorted((int(m), rate) for m, rate in points(found, contender, "clients").items())


def latency_series(found, contender):
    """Microseconds of a round trip by its size: the small call, and the echoes of arrays."""
    echoes = points(found, contender, "echo")
    series = [(size_of(m), 2 * size_of(m) / rate / 1e3) for m, rate in echoes.items()]
    small = points(found, contender, "sync")
    if series and "p50" in small:
        series.append((SMALL_CALL, small["p50"]))
    return sorted(series)


def launch_series(found, contender):
    """Seconds by the number of nodes."""
    launches = points(found, contender, "launch")
    return sorted((int(re.match(r"\d+", m).group()), value) for m, value in launches.items())


PLOTS = (
    Plot(
        "clients",
        "Synchronous calls of 64 B at one server, by clients",
        "clients, each a process with one call outstanding",
        "calls/s of all together",
        clients_series,
    ),
    Plot(
        "latency",
        "Round trip, by size (echo of a float32 array; 64 B: the small call)",
        "bytes each way",
        "us",
        latency_series,
    ),
    Plot("launch", "Launch until all nodes have answered", "nodes", "s", launch_series),
)


def lines_of(found, plot):
    """[(entry, points)] of the contenders that have at least two points."""
    lines = [(entry, plot.series(found, entry.name)) for entry in entries.ENTRIES]
    return [(entry, series) for entry, series in lines if len(series) > 1]


def drawable(found):
    """The names of the plots that have a line."""
    return [plot.name for plot in PLOTS if lines_of(found, plot)]


def draw(found, folder):
    """Writes NAME.svg of each drawable plot into a folder; the same figures give the same file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "launchpad", "svg.fonttype": "none"})
    folder.mkdir(parents=True, exist_ok=True)
    for plot in PLOTS:
        if lines_of(found, plot):
            draw_one(found, plot, folder / f"{plot.name}.svg")


def draw_one(found, plot, path):
    """One figure, both axes logarithmic. A contender has the same colour in each."""
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullFormatter

    colors = pyplot.get_cmap("tab20").colors
    figure, axes = pyplot.subplots(figsize=(9, 5.2), layout="constrained")
    ticks = set()
    for entry, series in lines_of(found, plot):
        index = entries.ENTRIES.index(entry)
        style = {"linewidth": 2.4 if entry.group == entries.OURS else 1.3}
        if entry.group == entries.LIMIT:
            style["color"] = "black" if entry.language == "cpp" else "gray"
        else:
            style["color"] = colors[index % len(colors)]
        axes.plot(
            *zip(*series, strict=True),
            LINE_STYLES[entry.language],
            marker="o",
            markersize=4,
            label=entry.name,
            **style,
        )
        ticks.update(x for x, _ in series)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sorted(ticks))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: tick_text(x)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.10g}"))
    axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
    axes.grid(True, which="major", alpha=0.4)
    axes.grid(True, which="minor", axis="y", alpha=0.15)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def tick_text(x):
    """1024 as 1 KiB."""
    for unit, factor in reversed(BYTES.items()):
        if x >= factor:
            return f"{x / factor:g} {unit}"
    return f"{x:g}"
