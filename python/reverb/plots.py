"""Plots of tables over time: items, inserts and samples a second, and how much the rate limiters
hold back. A Recorder looks at a server again and again; its history is rendered as text or SVG.
"""

from __future__ import annotations

import contextlib
import html
import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Points that are kept of each table; when there are more, every second one goes.
_MOST = 1024
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _LEFT, _GAP = 640, 60, 220, 22

# What is plotted: (title, of a state, per second). Waits are in seconds of all calls together.
_PANELS: tuple[tuple[str, Callable[[Mapping[str, Any]], float], bool], ...] = (
    ("items", lambda table: table["current_size"], False),
    ("inserts a second", lambda table: table["inserts"], True),
    ("samples a second", lambda table: table["samples"], True),
    ("inserts held back now", lambda table: table["waiting_inserts"], False),
    ("samples held back now", lambda table: table["waiting_samples"], False),
    ("s of waits a second, inserts", lambda table: table["insert_wait_ns"] / 1e9, True),
    ("s of waits a second, samples", lambda table: table["sample_wait_ns"] / 1e9, True),
)

Series = list[tuple[float, float]]


class History:
    """States of tables at moments, as series. One thread."""

    def __init__(self) -> None:
        self._states: list[tuple[float, dict[str, Mapping[str, Any]]]] = []

    def add(self, seconds: float, tables: Sequence[Mapping[str, Any]]) -> None:
        """The tables' state (as ReplayClient.info gives it) so long after the start."""
        self._states.append((seconds, {table["name"]: table for table in tables}))
        if len(self._states) > _MOST:
            del self._states[-2:0:-2]  # The first and the last stay.

    @property
    def tables(self) -> list[str]:
        """Their names, in the server's order."""
        return list(dict.fromkeys(name for _, tables in self._states for name in tables))

    def series(self, table: str) -> dict[str, Series]:
        """(seconds, value) of each plot, by its title; a rate is that since the point before."""
        points = [(at, tables[table]) for at, tables in self._states if table in tables]
        result: dict[str, Series] = {}
        for title, value, per_second in _PANELS:
            values = [(at, float(value(state))) for at, state in points]
            if per_second:
                values = [
                    # Counts begin anew when the table is reset.
                    (at, max(0.0, now - before) / (at - earlier))
                    for (earlier, before), (at, now) in itertools.pairwise(values)
                    if at > earlier
                ]
            result[title] = values
        return result

    def text(self, width: int = 60) -> str:
        """A line of bars for each plot, with its largest and its last value."""
        lines = []
        for table in self.tables:
            lines.append(f"table {table}")
            for title, series in self.series(table).items():
                if not series:
                    continue
                most = max(value for _, value in series)
                row = "".join(_bar(value, most) for value in _resampled(series, width))
                lines.append(f"  {title:<29} {row}  {_number(series[-1][1])}, most {_number(most)}")
        return "\n".join(lines) + "\n" if lines else "no tables yet\n"

    def svg(self) -> str:
        """A picture: a row for each plot of each table."""
        parts: list[str] = []
        top = 10
        for table in self.tables:
            parts.append(f'<text x="10" y="{top + 14}" class="t">table {html.escape(table)}</text>')
            top += 24
            for title, series in self.series(table).items():
                parts.append(_panel(title, series, top))
                top += _HEIGHT + _GAP
        style = (
            "text{font:12px sans-serif;fill:#333}.t{font-weight:bold}"
            "polyline{fill:none;stroke:#1769aa;stroke-width:1.5}rect{fill:#f6f8fa}"
        )
        size = f'width="{_LEFT + _WIDTH + 10}" height="{top}"'
        body = "\n".join(parts)
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        return f"{head}\n<style>{style}</style>\n{body}\n</svg>\n"


class Recorder:
    """Looks at a server's tables again and again, on a thread of its own, until it is closed.

    Args:
      info: gives the tables' states, see Client.record. What it raises is a moment left
        out.
      every: seconds between two looks.
      folder: where "replay.svg" and "replay.txt" are written, anew every `save_every` seconds, and
        at the end; None: nowhere.

    Raises:
      ValueError: a time that is not positive.
    """

    def __init__(
        self,
        info: Callable[[], Sequence[Mapping[str, Any]]],
        every: float = 1.0,
        folder: str | None = None,
        save_every: float = 10.0,
    ) -> None:
        if every <= 0 or save_every <= 0:
            raise ValueError(f"every ({every}) and save_every ({save_every}) must be positive")
        self._info, self._every = info, every
        self._folder, self._save_every = folder, save_every
        self._history = History()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="replay-plots", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Adds a moment now."""
        states = self._info()
        with self._lock:
            self._history.add(time.monotonic() - self._start, states)

    def text(self) -> str:
        """The plots so far, for a terminal."""
        with self._lock:
            return self._history.text()

    def svg(self) -> str:
        """The plots so far, as a picture."""
        with self._lock:
            return self._history.svg()

    def save(self, folder: str) -> None:
        """Writes "replay.svg" and "replay.txt" there; the folder is made, if need be."""
        os.makedirs(folder, exist_ok=True)
        for name, content in (("replay.svg", self.svg()), ("replay.txt", self.text())):
            path = os.path.join(folder, name)
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(content)
            os.replace(path + ".new", path)

    def close(self) -> None:
        """Ends it, after a last look. Idempotent."""
        self._closed.set()
        self._thread.join()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _work(self) -> None:
        saved = self._start
        ended = False
        while not ended:
            ended = self._closed.wait(self._every)
            with contextlib.suppress(RuntimeError):
                self.look()
            now = time.monotonic()
            if self._folder is not None and (ended or now - saved >= self._save_every):
                self.save(self._folder)
                saved = now


def _resampled(series: Series, width: int) -> list[float]:
    """The largest value of each of `width` equal times, or of the last one before that has any."""
    if len(series) <= width:
        return [value for _, value in series]
    first, last = series[0][0], series[-1][0]
    buckets: list[list[float]] = [[] for _ in range(width)]
    for at, value in series:
        place = int((at - first) / (last - first) * width) if last > first else 0
        buckets[min(place, width - 1)].append(value)
    values: list[float] = []
    for bucket in buckets:
        values.append(max(bucket) if bucket else values[-1])
    return values


def _bar(value: float, most: float) -> str:
    return _BARS[0] if most <= 0 else _BARS[min(int(value / most * len(_BARS)), len(_BARS) - 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _panel(title: str, series: Series, top: int) -> str:
    most = max((value for _, value in series), default=0.0)
    last = series[-1][1] if series else 0.0
    first = series[0][0] if series else 0.0
    span = (series[-1][0] - first if series else 0.0) or 1.0
    points = " ".join(
        f"{_LEFT + (at - first) / span * _WIDTH:.1f},"
        f"{top + _HEIGHT - (value / most * (_HEIGHT - 4) if most > 0 else 0):.1f}"
        for at, value in series
    )
    return "\n".join(
        (
            f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}"/>',
            f'<text x="10" y="{top + 16}">{html.escape(title)}</text>',
            f'<text x="10" y="{top + 34}">{_number(last)}, most {_number(most)}</text>',
            f'<text x="10" y="{top + 52}">{span:.0f} s</text>',
            f'<polyline points="{points}"/>',
        )
    )
