"""`./dev bench`: measures limit, ours and peers side by side in one run, and writes RESULTS.md,
results.json and plots/.

In each round every contender runs in turn, as a program of its own that prints one JSON line per
measurement; the medians over the rounds are reported. Reads nothing of Launchpad itself.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import entries
import environments
import machine
import plots
import report

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
ALL_WORKS = "clients,sync,pipelined,stream,echo,send,lent,broadcast,launch,idle,import,size,replay"
FULL_SECONDS, QUICK_SECONDS = 150, 30  # The longest that one program may run.
# What is over soon, and reads up to twice as much or as little from one second to the next where
# other machines share the host: limits and ours are measured so often in each round.
OFTEN, TIMES = ("clients", "sync"), 3


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--out", type=pathlib.Path, help="folder for RESULTS.md and results.json")
    parser.add_argument("--rounds", type=int, help="how often each contender runs (2; quick: 1)")
    parser.add_argument(
        "--quick", action="store_true", help="short measurements, fewer sizes, 4 nodes"
    )
    parser.add_argument("--only", default="", help="names or groups (raw, ours, peers), by commas")
    parser.add_argument("--works", default=ALL_WORKS, help="by commas, of " + ALL_WORKS)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument(
        "--soak",
        nargs="?",
        const=10,
        default=0,
        type=float,
        metavar="MINUTES",
        help="instead of all this: 64 clients call one server for so long (10)",
    )
    parser.add_argument("--verbose", action="store_true", help="show what the contenders print")
    options = parser.parse_args(argv)
    options.build_dir = options.build_dir.resolve()
    options.only = [name for name in options.only.split(",") if name]
    options.rounds = options.rounds or (1 if options.quick else 2)
    whole = not (options.quick or options.only or options.no_peers) and options.works == ALL_WORKS
    # A part of the run never replaces the committed results.
    options.out = options.out or (BENCH if whole else options.build_dir.parent / "bench-results")
    return options


def environment(entry, folder):
    """What a contender's processes see: a temporary folder of their own, no proxy."""
    result = {k: v for k, v in os.environ.items() if k not in PROXIES}
    ours = result.pop("PYTHONPATH", "")
    paths = [str(BENCH)] + ([ours] if ours and entry.environment == "own" else [])
    if entry.group == entries.OURS and not ours:
        paths.append(str(ROOT / "python"))
    result.update(
        PYTHONPATH=os.pathsep.join(paths),
        TMPDIR=folder,
        RAY_USAGE_STATS_ENABLED="0",
        TF_CPP_MIN_LOG_LEVEL="3",
        PYTHONWARNINGS="ignore",
    )
    return result


def command_of(entry, programs, venvs):
    """The program and its arguments; Missing if it cannot be had."""
    if entry.environment == "cpp":
        return [programs.path(entry.program)]
    python = sys.executable
    if entry.environment != "own":
        python = environments.python_of(entry.environment, venvs)
    elif entry.group == entries.OURS:
        environments.attempt(
            [python, "-c", "import courier, launchpad, reverb"],
            60,
            env=environment(entry, tempfile.gettempdir()),
        )
    return [python, str(BENCH / "contenders" / entry.program), *entry.arguments]


def execute(entry, command, seconds, verbose):
    """Runs one program to its end or its limit; gives its lines and, if it went wrong, why."""
    folder = tempfile.mkdtemp(prefix="lpb-")
    out, log = os.path.join(folder, "out"), os.path.join(folder, "log")
    trouble = ""
    try:
        with open(out, "wb") as stdout, open(log, "wb") as stderr:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                cwd=folder,
                stderr=None if verbose else stderr,
                start_new_session=True,
                env=environment(entry, folder),
            )
            try:
                if child.wait(timeout=seconds) != 0:
                    trouble = f"exit status {child.returncode}"
            except subprocess.TimeoutExpired:
                trouble = f"ended after {seconds} s"
            finally:
                machine.end_descendants()
        text = pathlib.Path(out).read_text(errors="replace")
        if trouble:
            said = environments.last_line(pathlib.Path(log).read_text(errors="replace"))
            trouble += f": {said}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lines = [json.loads(line) for line in text.splitlines() if line.startswith('{"contender"')]
    return lines, trouble


class Run:
    """One run: its lines and notes grow as the contenders are measured."""

    def __init__(self, options):
        self.options = options
        self.results = {
            "machine": machine.facts(),
            "quick": options.quick,
            "rounds": options.rounds,
            "notes": {},
            "versions": {},
            "measurements": [],
        }
        self.measured = {}  # (contender, work, metric) -> its row in measurements.
        self.commands = {}

    def note(self, name, text):
        """Remembers a trouble, once."""
        notes = self.results["notes"].setdefault(name, [])
        if text not in notes:
            notes.append(text)
            print(f"{name}: {text}", file=sys.stderr, flush=True)

    def add(self, line):
        """Puts a measurement beside those of the rounds before."""
        key = tuple(line[k] for k in ("contender", "work", "metric"))
        if key not in self.measured:
            row = {k: line[k] for k in ("contender", "work", "metric", "unit")} | {"values": []}
            self.measured[key] = row
            self.results["measurements"].append(row)
        self.measured[key]["values"].append(float(f"{line['value']:.5g}"))

    def prepare(self):
        """Finds or makes what each contender needs."""
        programs = environments.Programs(BENCH, self.options.build_dir)
        venvs = ROOT / "build" / "bench-venvs"
        for entry in entries.chosen(self.options.only, not self.options.no_peers):
            try:
                self.commands[entry] = command_of(entry, programs, venvs)
                if entry.environment in entries.ENVIRONMENTS:
                    python = self.commands[entry][0]
                    version = environments.version_of(entry.environment, python)
                    self.results["versions"][entry.name] = version
            except environments.Missing as error:
                missing = "not installed" if entry.group == entries.PEERS else "not built"
                self.note(entry.name, f"{missing}: {error}")
        if programs.grpc_version:
            self.results["versions"]["grpc-cpp"] = programs.grpc_version

    def turns(self, works):
        """The arguments of one run after the other: for each of `works`, and for the synchronous
        call, if it is among them, again on one and on two cores.
        """
        result = [["--works", work] for work in works]
        if "sync" in ",".join(works).split(","):
            cores = sorted(os.sched_getaffinity(0))
            result.append(["--works", "sync", "--cores", str(cores[-1])])
            if len(cores) > 1:
                result.append(["--works", "sync", "--cores", f"{cores[0]},{cores[-1]}"])
        return result

    def measure(self, entry, command, arguments):
        """Runs one contender's program once."""
        more = [*arguments, "--quick"] if self.options.quick else arguments
        seconds = QUICK_SECONDS if self.options.quick else FULL_SECONDS
        lines, trouble = execute(entry, command + more, seconds, self.options.verbose)
        for line in lines:
            if "error" in line:
                self.note(entry.name, f"{line['work']}: {line['error']}")
            else:
                self.add(line)
        if trouble:
            self.note(entry.name, trouble)

    def round(self, order):
        """Everybody in turn. Limits and ours work by work, so that what is held against each other
        is measured within seconds; peers, of whom some take seconds to start, all works at once.
        """
        near = [(e, c) for e, c in order if e.group != entries.PEERS]
        far = [(e, c) for e, c in order if e.group == entries.PEERS]
        works = self.options.works.split(",")
        often = [work for work in OFTEN if work in works]
        for time_of_round in range(1 if self.options.quick else TIMES):
            for arguments in self.turns(often if time_of_round else works):
                for entry, command in near:
                    self.measure(entry, command, arguments)
        for entry, command in far:
            for arguments in self.turns([self.options.works]):
                self.measure(entry, command, arguments)

    def rounds(self):
        """Again and again; starting at another contender each time."""
        order = list(self.commands.items())
        for number in range(self.options.rounds):
            start = time.monotonic()
            self.round(order)
            seconds = time.monotonic() - start
            print(f"round {number + 1} of {self.options.rounds}: {seconds:.0f} s", file=sys.stderr)
            order = order[1:] + order[:1]


def as_json(results):
    """One line for each measurement, so that two runs can be compared by diff."""
    rows = ",\n".join("  " + json.dumps(row) for row in results["measurements"])
    head = json.dumps({k: v for k, v in results.items() if k != "measurements"}, indent=1)
    return f'{head[:-2]},\n "measurements": [\n{rows}\n]}}\n'


def draw_plots(run, folder):
    """Draws how the run's figures grow; gives the plots' names."""
    found = report.medians(run.results["measurements"])
    try:
        plots.draw(found, folder)
    except ImportError as error:
        run.note("plots", f"not drawn: {error}")
        return []
    return plots.drawable(found)


def soak(minutes):
    """Runs soak.py to its end; its exit status."""
    ours = next(e for e in entries.ENTRIES if e.group == entries.OURS and e.environment == "own")
    with tempfile.TemporaryDirectory(prefix="lpb-") as folder:
        command = [sys.executable, str(BENCH / "soak.py"), str(minutes)]
        done = subprocess.run(command, env=environment(ours, folder), check=False)
    return done.returncode


def main(argv=None):
    """One run."""
    options = parse(argv)
    machine.adopt_orphans()
    if options.soak:
        try:
            sys.exit(soak(options.soak))
        finally:
            machine.end_descendants()
    run = Run(options)
    run.prepare()
    start = time.monotonic()
    try:
        run.rounds()
    finally:
        machine.end_descendants()
    run.results["seconds"] = round(time.monotonic() - start)
    options.out.mkdir(parents=True, exist_ok=True)
    text = report.render(run.results, draw_plots(run, options.out / "plots"))
    (options.out / "results.json").write_text(as_json(run.results))
    (options.out / "RESULTS.md").write_text(text)
    print(text)
    print(f"written: {options.out / 'RESULTS.md'}, results.json and plots", file=sys.stderr)


if __name__ == "__main__":
    main()
