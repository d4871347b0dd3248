"""The report writer turns results into the tables that it promises. No benchmark runs here."""

import copy
import json
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import entries
import growth
import plots
import report
import run
import soak
import targets
import works

FACTS = {
    "date": "2026-01-02",
    "virtual": False,
    "cores": 2,
    "processor": "Some CPU",
    "memory_gib": 8,
    "kernel": "6.1",
    "python": "3.11.2",
    "load_before": 0.1,
}


def row(contender, work, metric, unit, *values):
    return {
        "contender": contender,
        "work": work,
        "metric": metric,
        "unit": unit,
        "values": list(values),
    }


@pytest.fixture
def results():
    measurements = [
        row("raw-py", "sync_two_cores", "p50", "us", 11, 10, 30),
        row("ours-py", "sync_two_cores", "p50", "us", 22),
        row("pyzmq", "sync_two_cores", "p50", "us", 110),
        row("raw-cpp", "echo", "1 MiB", "GB/s", 8),
        row("ours-cpp", "echo", "1 MiB", "GB/s", 4),
        row("grpc-cpp", "echo", "1 MiB", "GB/s", 1),
        row("raw-py", "launch", "4 nodes", "s", 0.02),
        row("ray", "launch_with_init", "4 nodes", "s", 2.0),
        row("ours-py", "pipelined", "calls", "calls/s", 50_000),
        row("ours-py", "import", "package", "s", 0.3),
    ]
    return {
        "machine": FACTS,
        "quick": False,
        "rounds": 3,
        "seconds": 60,
        "measurements": measurements,
        "versions": {"pyzmq": "pyzmq 27.3.0"},
        "notes": {"monarch": ["not installed: no wheel"]},
    }


def lines_of(results):
    return report.render(results).splitlines()


def test_a_row_has_the_median_of_the_rounds_and_its_cost_against_limit_and_ours(results):
    lines = lines_of(results)
    assert "| contender | p50, us | x limit | x ours |" in lines
    assert "| raw-py | 11.0 |  |  |" in lines
    assert "| ours-py | 22.0 | 2.00 |  |" in lines
    assert "| pyzmq | 110 | 10.0 | 5.00 |" in lines


def test_a_rate_costs_more_when_it_is_lower(results):
    text = report.render(results)
    assert (
        "| GB/s | 1 MiB |\n| --- | ---: |\n"
        "| raw-cpp | 8.00 |\n| ours-cpp | 4.00 |\n| grpc-cpp | 1.00 |" in text
    )
    assert "| x limit | 1 MiB |\n| --- | ---: |\n| ours-cpp | 2.00 |\n| grpc-cpp | 8.00 |" in text
    assert "| x ours | 1 MiB |\n| --- | ---: |\n| grpc-cpp | 4.00 |" in text


def test_replay_is_held_against_ours_in_its_language_and_in_one_process_against_cpp(results):
    measured = [
        row("replay-cpp", "replay", "insert", "items/s", 40_000),
        row("replay-py", "replay", "insert", "items/s", 20_000),
        row("dm-reverb", "replay", "insert", "items/s", 2_000),
        row("replay-cpp", "replay_in_process", "sample + update", "items/s", 3_000_000),
        row("cpprb", "replay_in_process", "sample + update", "items/s", 1_000_000),
    ]
    lines = lines_of(dict(results, measurements=measured))
    assert "| replay-cpp | 40,000 |  |  |" in lines
    assert "| dm-reverb | 2,000 |  | 10.0 |" in lines
    assert "| cpprb | 1,000,000 |  | 3.00 |" in lines
    assert "| replay Python, insert | >= 50,000 items/s | 20,000 | no |" in lines


def test_growth_with_clients_has_a_column_for_each_number_of_them(results):
    measured = [
        row("raw-cpp", "clients", "1", "calls/s", 100_000),
        row("raw-cpp", "clients", "256", "calls/s", 200_000),
        row("raw-cpp", "futex_clients", "256", "calls/s", 300_000),
        row("courier-cpp", "clients", "1", "calls/s", 400_000),
        row("courier-cpp", "clients", "256", "calls/s", 300_000),
        row("courier-cpp", "pipelining_clients", "1", "calls/s", 1_000_000),
        row("courier-cpp", "pipelining_clients", "256", "calls/s", 900_000),
        row("courier-cpp", "driven_clients", "1", "calls/s", 400_000),
        row("courier-cpp", "driven_clients", "256", "calls/s", 600_000),
    ]
    lines = lines_of(dict(results, measurements=measured))
    assert "| calls/s | 1 | 256 |" in lines
    assert "| courier-cpp | 1,000,000 | 900,000 |" in lines
    assert "| courier-cpp | 400,000 | 300,000 |" in lines
    assert "| courier-cpp | 0.25 | 0.67 |" in lines  # x limit
    assert (
        "| 256 clients, a call outstanding each, C++ | >= 0.8 x courier-cpp clients | 0.75 | no |"
        in lines
    )
    bare = (
        "| 256 clients, C++, against bare futexes | >= 0.8 x raw-cpp futex_clients | 1.00 | yes |"
    )
    assert bare in lines
    in_one = (
        "| 256 clients in one process, C++ | >= 0.8 x courier-cpp driven_clients | 1.50 | yes |"
    )
    assert in_one in lines


def test_nothing_is_set_against_a_limit_of_nothing(results):
    measured = [
        row("raw-cpp", "connection_memory", "server", "KiB", 0),
        row("courier-cpp", "connection_memory", "server", "KiB", 12),
    ]
    lines = lines_of(dict(results, measurements=measured))
    assert "| courier-cpp | 12.0 |" in lines
    assert not any("| courier-cpp |  |" in line for line in lines)


def test_the_calls_of_all_clients_are_counted():
    def connect():
        return lambda payload: payload

    assert growth.rate_of(connect, 3, 0.05) > 100


def test_a_client_whose_answer_is_another_calls_fails_the_measurement():
    def connect():
        return lambda payload, seen=[]: (seen.append(payload), seen[0])[1]

    with pytest.raises(RuntimeError, match="a client failed"):
        growth.rate_of(connect, 2, 0.05)


def test_an_answer_that_does_not_come_fails_the_measurement(monkeypatch):
    monkeypatch.setattr(growth, "PATIENCE", 0.2)

    def connect():
        answers = iter([True])  # Only the first call of each client is answered.
        return lambda payload: payload if next(answers, False) else signal.pause()

    with pytest.raises(RuntimeError, match="an answer was lost"):
        growth.rate_of(connect, 2, 0.05)


def test_every_kind_of_launch_is_held_against_bare_processes(results):
    lines = lines_of(results)
    assert "| s | 4 nodes |" in lines and "| ray | 2.00 |" in lines
    assert "| ray | 100 |" in lines  # x limit


def test_a_target_says_by_itself_whether_it_is_reached(results):
    lines = lines_of(results)
    assert "| Python sync call, two cores | <= 2.5 x raw-py sync_two_cores | 2.00 | yes |" in lines
    assert "| Python sync call, two cores | <= 1 x raw-py sync_two_cores | 2.00 | no |" in lines
    assert "| Python futures | >= 40,000 calls/s | 50,000 | yes |" in lines
    assert "| Python futures | >= 100,000 calls/s | 50,000 | no |" in lines
    assert "| import of launchpad | <= 0.15 s | 0.30 | no |" in lines
    assert "| C++ pipelined | >= 300,000 calls/s | not measured |  |" in lines


def test_what_could_not_be_installed_is_named_with_its_reason_and_has_no_row(results):
    lines = lines_of(results)
    assert "- **monarch**: Monarch actors. not installed: no wheel" in lines
    assert "- **pyzmq**: pyzmq over ipc: REQ/REP, DEALER/ROUTER (pyzmq 27.3.0)" in lines
    assert not any(line.startswith("| monarch") for line in lines)


def test_the_report_changes_nothing_and_works_without_measurements(results):
    before = copy.deepcopy(results)
    report.render(results)
    assert results == before
    assert "not measured" in report.render(dict(results, measurements=[], notes={}))


def test_the_plots_series_are_what_was_measured(results):
    measured = [
        row("ours-py", "launch", "1 node", "s", 0.1),
        row("ours-py", "launch", "32 nodes", "s", 0.3, 0.5, 0.4),
        row("ours-py", "clients", "16", "calls/s", 300),
        row("ours-py", "clients", "2", "calls/s", 100),
        row("ours-py", "sync", "p50", "us", 5),
        row("ours-py", "echo", "1 MiB", "GB/s", 2 * 2**20 / 1e9 * 1000),
        row("ray", "launch", "4 nodes", "s", 1),
    ]
    found = report.medians(measured)
    assert plots.launch_series(found, "ours-py") == [(1, 0.1), (32, 0.4)]
    assert plots.clients_series(found, "ours-py") == [(2, 100), (16, 300)]
    assert plots.latency_series(found, "ours-py") == [(64, 5), (2**20, pytest.approx(1000))]
    assert plots.drawable(found) == ["clients", "latency", "launch"]
    # A line needs two points.
    assert [entry.name for entry, _ in plots.lines_of(found, plots.PLOTS[2])] == ["ours-py"]
    assert plots.drawable({}) == []


def test_plots_are_drawn_and_shown(results, tmp_path):
    rows = [row("ours-py", "clients", str(n), "calls/s", 1000 * n) for n in (1, 256)]
    plots.draw(report.medians(rows), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["clients.svg"]
    text = (tmp_path / "clients.svg").read_text()
    assert "ours-py" in text and ">256<" in text
    plots.draw(report.medians(rows), tmp_path)
    assert (tmp_path / "clients.svg").read_text() == text
    shown = report.render(results, ["clients"])
    assert "![clients](plots/clients.svg)" in shown.splitlines()
    assert "plots/" not in report.render(results)


def test_results_json_is_read_back_as_it_was(results):
    assert json.loads(run.as_json(results)) == results
    assert json.loads(run.as_json(dict(results, measurements=[])))["measurements"] == []


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (25_375_558.4, "25,375,558"),
        (99.96, "100.0"),
        (12.345, "12.3"),
        (1.0, "1.00"),
        (0.0123, "0.012"),
        (0.00016, "0.00016"),
    ],
)
def test_a_number_shows_the_digits_that_count(value, text):
    assert report.number(value) == text


def test_targets_and_tables_name_only_contenders_and_works_that_exist():
    names = {entry.name for entry in entries.ENTRIES}
    for target in targets.NOW + targets.LATER:
        assert {target.key[0], (target.other or target.key)[0]} <= names
    known = {work for work, *_ in report.SINGLE_WORKS + report.WIDE_WORKS}
    assert set(works.WORKS) <= known
    assert set(run.ALL_WORKS.split(",")) == set(works.WORKS)


def test_a_part_of_the_run_does_not_replace_the_committed_results():
    assert run.parse([]).out == run.BENCH
    for part in (["--quick"], ["--only", "ours,raw"], ["--no-peers"], ["--works", "sync"]):
        assert run.parse(part).out != run.BENCH


def sample(server=50, clients=900, descriptors=100):
    return {
        "server MiB": server,
        "clients MiB": clients,
        "server descriptors": descriptors,
        "clients descriptors": 10 * descriptors,
    }


def test_a_soak_forgives_growth_in_its_warm_up_and_noise_after_it():
    warm_up = [sample(server=10 + i, descriptors=i) for i in range(40)]
    assert soak.trouble_in(warm_up + [sample(server=50 + i % 20) for i in range(60)]) == ""


def test_a_soak_names_what_grew_after_its_warm_up():
    steady = [sample()] * 40
    assert (
        soak.trouble_in(steady + [sample(server=50 + i) for i in range(60)])
        == "server MiB grew from 59.5 to 99.5"
    )
    grown = soak.trouble_in(steady + [sample(descriptors=100 + 5 * i) for i in range(60)])
    assert "server descriptors" in grown and "clients descriptors" in grown and "MiB" not in grown


def test_a_soak_lasts_ten_minutes_unless_it_is_told_how_long():
    assert [run.parse(a).soak for a in ([], ["--soak"], ["--soak", "2"])] == [0, 10, 2]


def test_an_unknown_contender_is_refused():
    assert [e.name for e in entries.chosen(["raw"])] == ["raw-cpp", "raw-py"]
    assert not any(e.group == entries.PEERS for e in entries.chosen((), peers=False))
    with pytest.raises(ValueError, match="unknown contender: nobody"):
        entries.chosen(["nobody"])


def test_limits_and_ours_take_turns_work_by_work_and_peers_measure_all_at_once(monkeypatch):
    one_run = run.Run(run.parse(["--works", "sync,echo", "--rounds", "1"]))
    names = ("raw-py", "ours-py", "pyzmq")
    one_run.commands = {e: [e.name] for e in entries.ENTRIES if e.name in names}
    runs = []
    monkeypatch.setattr(run.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(one_run, "measure", lambda e, _, more: runs.append((e.name, *more[1::2])))
    one_run.rounds()
    once = [("sync",), ("echo",), ("sync", "1"), ("sync", "0,1")]
    again = [("sync",), ("sync", "1"), ("sync", "0,1")]
    near = [(name, *work) for work in once + 2 * again for name in ("raw-py", "ours-py")]
    far = [("pyzmq", "sync,echo"), ("pyzmq", "sync", "1"), ("pyzmq", "sync", "0,1")]
    assert runs == near + far


def test_a_quick_run_measures_all_once(monkeypatch):
    one_run = run.Run(run.parse(["--works", "clients,echo", "--quick"]))
    one_run.commands = {e: [e.name] for e in entries.ENTRIES if e.name == "raw-py"}
    runs = []
    monkeypatch.setattr(one_run, "measure", lambda e, _, more: runs.append(more[1]))
    one_run.rounds()
    assert runs == ["clients", "echo"]
