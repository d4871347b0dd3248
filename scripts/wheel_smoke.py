"""What a wheel must do in a fresh environment: one program as threads and as processes, a replay
server, and the command for one.

Run by scripts/wheels.py outside the source tree.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import launchpad as lp
import reverb

assert "site-packages" in str(lp.__file__), lp.__file__


class Producer:
    """Answers with what it was asked."""

    def work(self, number: int) -> int:
        return number


class Consumer:
    """Asks once without and once with waiting, writes down the answers, stops the program."""

    def __init__(self, producer, answers: Path) -> None:
        self._producer = producer
        self._answers = answers

    def run(self) -> None:
        future = self._producer.futures.work(1)
        self._answers.write_text(f"{future.result()} {self._producer.work(2)}")
        lp.stop()


def replay() -> None:
    server = reverb.Server([reverb.Table.queue("queue", 10)])
    client = server.localhost_client()
    client.insert({"x": 1.5}, {"queue": 1.0})
    (sample,) = client.sample("queue", emit_timesteps=False)
    assert sample.data[0].tolist() == [1.5], sample
    server.stop()
    command = Path(sys.executable).with_name("reverb_server")
    refused = subprocess.run([command, "--config=prt: 1"], capture_output=True, text=True)
    assert (refused.returncode, "no field prt" in refused.stderr) == (2, True), refused
    print(f"ok: Python {sys.version.split()[0]}, replay")


def main() -> None:
    replay()
    for launch_type in ("local_mt", "local_mp"):
        with tempfile.TemporaryDirectory() as folder:
            answers = Path(folder) / "answers"
            program = lp.Program("smoke")
            producer = program.add_node(lp.CourierNode(Producer), label="producer")
            program.add_node(lp.CourierNode(Consumer, producer, answers), label="consumer")
            waiter = lp.launch(program, launch_type=launch_type, terminal="current_terminal")
            if waiter is not None:
                waiter.wait()
            assert answers.read_text() == "1 2", answers.read_text()
        print(f"ok: Python {sys.version.split()[0]}, {launch_type}")


if __name__ == "__main__":
    main()
