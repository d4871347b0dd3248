"""Plots of tables: what they show of states that are known."""

from __future__ import annotations

import xml.etree.ElementTree

import pytest
from reverb_tables import LIMIT, table, wait_until

import reverb
from reverb import plots


def state(name="t", **numbers):
    zeros = dict.fromkeys(
        ("current_size", "inserts", "samples", "waiting_inserts", "waiting_samples"), 0
    )
    return {"name": name, **zeros, "insert_wait_ns": 0, "sample_wait_ns": 0, **numbers}


def test_a_rate_is_the_difference_to_the_look_before():
    history = plots.History()
    for second, inserts in ((0.0, 100), (2.0, 300), (3.0, 300), (4.0, 50)):
        history.add(second, [state(inserts=inserts, insert_wait_ns=int(second * 5e8))])
    series = history.series("t")
    # After a reset the counts begin anew: no negative rate.
    assert series["inserts a second"] == [(2.0, 100.0), (3.0, 0.0), (4.0, 0.0)]
    assert series["s of waits a second, inserts"] == [(2.0, 0.5), (3.0, 0.5), (4.0, 0.5)]


def test_a_long_history_stays_small_and_keeps_its_ends():
    history = plots.History()
    for second in range(10_000):
        history.add(float(second), [state(current_size=second)])
    items = history.series("t")["items"]
    assert len(items) <= 1024
    assert items[0] == (0.0, 0.0)
    assert items[-1] == (9999.0, 9999.0)
    assert items == sorted(items)


def test_text_has_a_line_of_bars_for_each_plot_with_its_largest_and_last_value():
    history = plots.History()
    for second, size in enumerate((0, 500, 1000, 250)):
        history.add(float(second), [state(current_size=size), state("other")])
    lines = history.text().splitlines()
    assert lines[0] == "table t"
    assert lines[1].split(maxsplit=1)[0] == "items"
    assert lines[1].endswith("▁▅█▃  250, most 1,000")
    assert "table other" in lines
    assert plots.History().text() == "no tables yet\n"


def test_svg_is_a_picture_with_a_line_for_each_plot_whatever_a_table_is_called():
    history = plots.History()
    for second in range(3):
        history.add(float(second), [state("<a & b>", current_size=second)])
    root = xml.etree.ElementTree.fromstring(history.svg())
    lines = [part for part in root if part.tag.endswith("polyline")]
    assert len(lines) == 7
    heights = [float(point.split(",")[1]) for point in lines[0].get("points").split()]
    assert heights[0] > heights[1] > heights[2]


def test_a_recorder_looks_at_a_server_and_leaves_its_plots_in_the_folder(tmp_path):
    server = reverb.Server([table()])
    client = server.localhost_client()
    with client.record(every=0.01, folder=str(tmp_path), save_every=0.02) as recorder:
        client.insert([1], {"t": 1.0}, timeout=LIMIT)
        wait_until(lambda: (tmp_path / "replay.svg").exists())
    server.stop()
    assert "1, most 1" in recorder.text()
    assert (tmp_path / "replay.txt").read_text() == recorder.text()
    assert (tmp_path / "replay.svg").read_text() == recorder.svg()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["replay.svg", "replay.txt"]


def test_times_are_positive():
    with pytest.raises(ValueError, match=r"every \(0\)"):
        plots.Recorder(list, every=0)
