"""Turns one run's results (results.json) into RESULTS.md. Pure: no clock, no file, no process.

Costs: a contender's `x limit` says how many times the limit's time it needs (for rates: how many
times slower it is), so 1.00 is the limit and less is better, for every unit. `x ours` says the same
against ours.
"""

import statistics

import entries
import targets

RATES = ("GB/s", "calls/s", "items/s")
SINGLE_WORKS = (
    (
        "sync_one_core",
        "Synchronous call of 64 B, all processes on one core",
        "What the software costs: no core has to be woken.",
    ),
    (
        "sync_two_cores",
        "Synchronous call of 64 B, client and server on a core each",
        "Each way has to wake a sleeping core, unless the software waits awake.",
    ),
    (
        "sync",
        "Synchronous call of 64 B, placed by the scheduler",
        "Not pinned: one core or two, as the scheduler likes in that run, so figures jump between "
        "those of the two tables before.",
    ),
    (
        "pipelined",
        "Pipelined calls of 64 B",
        "1,000 calls issued before the first is waited for, again and again (mp-pipe: 100). The "
        "limit writes them all in one system call.",
    ),
    (
        "stream",
        "Results of 64 B of one call, as they arrive",
        "10,000 results of a generator (Ray: 1,000), the call that opens it included.",
    ),
    (
        "broadcast",
        "An array of 16 MiB to 8 nodes",
        "Until all have answered. `lp.broadcast` makes one copy in all, an array of `lp.empty` is "
        "not copied at all, a call each with an array of one's own copies it eight times.",
    ),
    (
        "idle",
        "CPU of a program whose nodes wait",
        "Per cent of one core, of the launcher and all nodes together, over 3 s without a call.",
    ),
    ("import", "Import of the package", "In a fresh interpreter, its own start excluded."),
    (
        "replay",
        "Replay of 1 KiB items",
        "A server process and one client process. An insert waits for its confirmation, a sample "
        "one at a time for its answer; items of 10 steps overlap by 9; streamed: through the "
        "iterator, 512 in flight; 256 at a time: batches; 64 priorities are changed by one call.",
    ),
    ("replay_28_kib", "Replay of 28 KiB items", "The same."),
    ("replay_bytes", "Replay of 1 KiB items, bytes of the batches", "The data alone."),
    ("replay_28_kib_bytes", "Replay of 28 KiB items, bytes of the batches", "The data alone."),
    (
        "replay_in_process",
        "Prioritized sampling in one process",
        "A table of 1,000,000 items (quick: 100,000) of one number each: 256 are sampled, then get "
        "new priorities, again and again. The peers are asked through Python.",
    ),
    ("replay_sizes", "The same, by size", "Items sampled and updated, by how many there are."),
    ("replay_writers", "Replay, by writers", "All writers' items of 10 steps of 1 KiB together."),
    (
        "replay_memory",
        "Replay, memory",
        "How much larger the server's process is for each item of one step that does not compress.",
    ),
    (
        "replay_checkpoints",
        "Replay, samples while checkpoints are written",
        "One at a time from a table of 100,000 items of 1 KiB (quick: 20,000), without, and while "
        "another thread has the server write one checkpoint after the other; the first of them "
        "writes all items.",
    ),
    ("size", "Installed size", "With all that it depends on, except numpy."),
)
STAMPED = "Each call stamps the array, and the answer must bring the stamp back."
# Tables whose columns are the metrics.
WIDE_WORKS = (
    (
        "clients",
        "Calls of 64 B, by clients",
        "calls/s of all clients together, at one server. Each client is a process of its own with "
        "one call outstanding, and every answer is held against its call. Nothing is pinned.",
    ),
    (
        "futex_clients",
        "The same by bare futexes",
        "calls/s of all clients together, one outstanding each, at a server of one thread that "
        "never sleeps, looks at a word of shared memory for each client, and wakes it by a futex "
        "for each call: what is left is the kernel's switching between the clients.",
    ),
    (
        "pipelining_clients",
        "The same with 256 calls outstanding",
        "calls/s of all clients together: each makes 256 calls before it waits for the first. "
        "Limit: the bytes alone, all 256 in one message.",
    ),
    (
        "driven_clients",
        "The same with all clients in one process",
        "calls/s of all clients together, each with one call outstanding: two threads begin a call "
        "of each of their clients, then wait for each. The clients take no turns on the cores.",
    ),
    (
        "launch",
        "Nodes, from launch to all answered",
        "Limit: that many bare interpreters (`python -c pass`), or C++ children, started at once. "
        "mp-pipe: spawned processes. Ray: with ray.init() done before.",
    ),
    ("launch_with_init", "Nodes with the start of the system itself", "Ray, including ray.init()."),
    ("launch_forked", "Nodes by fork", "multiprocessing processes forked from a warm one."),
    (
        "connection_memory",
        "Memory of an idle connection",
        "KiB at the end of the server and of the client, measured with 256 connections (PSS: pages "
        "that both map count half at either). What the kernel takes for sockets is not counted.",
    ),
    (
        "echo",
        "Echo of a float32 array",
        "GB/s, the bytes counted twice: there and back. " + STAMPED,
    ),
    (
        "send",
        "Send of a float32 array",
        "GB/s, the bytes counted once; the answer is one number. " + STAMPED,
    ),
    (
        "lent",
        "Send of an array from `lp.empty`",
        "us for one send whose answer is one number: from 64 KiB on, nothing is copied.",
    ),
    ("passed_on", "Send of an array that was received", "The same."),
)
LIMIT_ROWS = (
    ("sync_one_core", "Unix socket ping-pong, one core"),
    ("sync_two_cores", "Unix socket ping-pong, two cores"),
    ("sync", "Unix socket ping-pong, unpinned"),
    ("sync_tcp_one_core", "TCP loopback ping-pong, one core"),
    ("sync_tcp_two_cores", "TCP loopback ping-pong, two cores"),
    ("sync_tcp", "TCP loopback ping-pong, unpinned"),
    ("sync_futex_one_core", "futex ping-pong, one core"),
    ("sync_futex_two_cores", "futex ping-pong, two cores"),
    ("sync_futex", "futex ping-pong, unpinned"),
    ("memcpy", "memcpy / numpy.copyto"),
    ("pipelined", "Unix socket, 64 B in batches of 1,000"),
    ("echo", "Unix socket echo"),
    ("echo_tcp", "TCP loopback echo"),
    ("send", "Unix socket send"),
    ("send_tcp", "TCP loopback send"),
    ("launch", "bare child processes"),
)


def medians(measurements):
    """{(contender, work, metric): (median of the rounds, unit)}."""
    return {
        (row["contender"], row["work"], row["metric"]): (
            statistics.median(row["values"]),
            row["unit"],
        )
        for row in measurements
    }


def number(value):
    """Three digits that count, with thousands' commas."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) < 10 else 1
    while abs(value) < 10 ** (1 - digits) and digits < 6:
        digits += 1
    return f"{value:.{digits}f}"


def cost(value, other, unit):
    """How many times `other`'s cost: times divide, rates divide the other way."""
    return other / value if unit in RATES else value / other


def table(head, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def ratio(found, entry, work, metric, against):
    """The cost of an entry over that of `against`-<its language>, as text; may be empty."""
    mine = found.get((entry.name, work, metric))
    work = "launch" if against == "raw" and work.startswith("launch") else work
    name = f"{against}-{entry.language}"
    if against == "ours" and work.startswith("replay"):
        name = f"replay-{entry.language}"
        # In one process there is only C++ of ours.
        if (name, work, metric) not in found:
            name = "replay-cpp"
    other = found.get((name, work, metric))
    if not mine or not other or entry.group == entries.LIMIT or entry.name == name:
        return ""
    if mine[0] <= 0 or other[0] <= 0:  # Memory may have shrunk meanwhile.
        return ""
    return number(cost(mine[0], other[0], mine[1]))


def metrics_of(found, work):
    """The metrics of a work, in the order in which they were measured."""
    return list(dict.fromkeys(metric for _, w, metric in found if w == work))


def unit_of(found, work, metric):
    """In which a metric is measured."""
    return next(unit for (_, w, m), (_, unit) in found.items() if (w, m) == (work, metric))


def single_table(found, work):
    """Rows: contenders. Columns: for each metric the median, x limit, x ours."""
    metrics = metrics_of(found, work)
    head = ["contender"]
    for metric in metrics:
        head += [f"{metric}, {unit_of(found, work, metric)}", "x limit", "x ours"]
    rows = []
    for entry in entries.ENTRIES:
        if not any((entry.name, work, metric) in found for metric in metrics):
            continue
        row = [entry.name]
        for metric in metrics:
            value = found.get((entry.name, work, metric))
            row += [
                number(value[0]) if value else "",
                ratio(found, entry, work, metric, "raw"),
                ratio(found, entry, work, metric, "ours"),
            ]
        rows.append(row)
    return table(head, rows)


def wide_tables(found, work):
    """Three tables over the metrics: what was measured, x limit, x ours."""
    metrics = metrics_of(found, work)
    present = [e for e in entries.ENTRIES if any((e.name, work, m) in found for m in metrics)]

    def block(title, cell, rows):
        filled = [[entry.name] + [cell(entry, metric) for metric in metrics] for entry in rows]
        return table([title, *metrics], [row for row in filled if any(row[1:])])

    def absolute(entry, metric):
        value = found.get((entry.name, work, metric))
        return number(value[0]) if value else ""

    parts = [block(unit_of(found, work, metrics[0]), absolute, present)]
    for against in ("raw", "ours"):
        title = "x limit" if against == "raw" else "x ours"
        rows = block(title, lambda e, m, a=against: ratio(found, e, work, m, a), present)
        if rows.count("\n") > 1:
            parts.append(rows)
    return "\n\n".join(parts)


def limit_table(found):
    """What the machine can do."""
    rows = []
    for work, label in LIMIT_ROWS:
        for metric in metrics_of(found, work):
            cells = [found.get((name, work, metric)) for name in ("raw-cpp", "raw-py")]
            if any(cells):
                unit = next(c[1] for c in cells if c)
                rows.append([label, metric] + [number(c[0]) if c else "" for c in cells] + [unit])
    return table(["limit", "what", "C++", "Python", "unit"], rows)


def target_table(found, wanted):
    """The targets, what was measured, and whether they are reached."""
    rows = []
    for target in wanted:
        value = target.value(found)
        said = "not measured" if value is None else number(value)
        reached = "" if value is None else ("yes" if target.reached(value) else "no")
        rows.append([target.name, target.text(), said, reached])
    return table(["target", "to reach", "measured", "reached"], rows)


def machine_text(results):
    """Two lines on the machine and the run."""
    facts = results["machine"]
    kind = "virtual machine" if facts["virtual"] else "machine"
    how = "a quick run: rough figures" if results["quick"] else "a full run"
    return (
        f"{facts['date']}; {kind} with {facts['cores']} cores ({facts['processor']}), "
        f"{facts['memory_gib']} GiB of memory, Linux {facts['kernel']}, Python {facts['python']}; "
        f"load before the run {facts['load_before']}. {how}: medians of {results['rounds']} "
        f"round(s) in which the contenders took turns, {results.get('seconds', '?')} s in all."
    )


def contenders_text(results):
    """What each contender is, and what went wrong."""
    rows = []
    measured = {row["contender"] for row in results["measurements"]}
    for entry in entries.ENTRIES:
        notes = "; ".join(results["notes"].get(entry.name, []))
        if entry.name in measured or notes:
            version = results["versions"].get(entry.name, "")
            rows.append(
                f"- **{entry.name}**: {entry.what}"
                + (f" ({version})" if version else "")
                + (f". {notes}" if notes else "")
            )
    return "\n".join(rows)


def render(results, plots=()):
    """RESULTS.md of one run; `plots`: the names of those that lie in plots/, beside it."""
    found = medians(results["measurements"])
    parts = [
        "# Benchmarks",
        machine_text(results),
        "Again: `./dev bench` (`--quick`, `--only ours,raw`, `--no-peers`, `--rounds N`). How it "
        "measures: [README.md](README.md).",
        "`x limit`: how many times the cost of the limit of the same language in this run (1.00 is "
        "the limit, less is better, for every unit). `x ours`: how many times the cost of ours of "
        "the same language (above 1: ours is better).",
        "## To reach",
        target_table(found, targets.NOW),
        "Later:",
        target_table(found, targets.LATER),
        "## Contenders",
        contenders_text(results),
        "## The machine's limit",
        limit_table(found),
    ]
    if plots:
        parts += ["## How it grows", "Medians; ours are the thick lines, dashed is Python."]
        parts += [f"![{name}](plots/{name}.svg)" for name in plots]
    for work, title, meaning in SINGLE_WORKS:
        if metrics_of(found, work):
            parts += ["## " + title, meaning, single_table(found, work)]
    for work, title, meaning in WIDE_WORKS:
        if metrics_of(found, work):
            parts += ["## " + title, meaning, wide_tables(found, work)]
    return "\n\n".join(parts) + "\n"
