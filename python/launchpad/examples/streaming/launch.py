"""A method whose results arrive while they are made: a trainer tells of each step, and ends once
its watcher has seen enough.

python -m launchpad.examples.streaming.launch --goal=0.01 --lp_launch_type=local_mp
"""

from collections.abc import Iterator

from absl import app, flags

import launchpad as lp

_GOAL = flags.DEFINE_float("goal", 0.01, "The loss at which the watcher has seen enough.")


class Trainer:
    """Looks for the square root of two."""

    def __init__(self) -> None:
        self._x = 1.0

    def train(self) -> Iterator[tuple[int, float]]:
        """A step and its loss, for ever: it goes no further ahead than it is listened to."""
        step = 0
        try:
            while True:
                step += 1
                loss = (self._x**2 - 2) ** 2
                yield step, loss
                self._x -= 0.1 * (self._x**2 - 2) * self._x
        finally:
            print("The training has ended", flush=True)


class Watcher:
    """Watches the training until the loss is small."""

    def __init__(self, trainer: lp.CourierClient, goal: float) -> None:
        self._trainer = trainer
        self._goal = goal

    def run(self) -> None:
        with self._trainer.train() as steps:
            for step, loss in steps:
                print(f"Step {step}: loss {loss:.4f}", flush=True)
                if loss < self._goal:
                    break
        lp.stop()


def make_program(goal: float) -> lp.Program:
    """A trainer and its watcher."""
    program = lp.Program("streaming")
    trainer = program.add_node(lp.CourierNode(Trainer), label="trainer")
    program.add_node(lp.CourierNode(Watcher, trainer, goal), label="watcher")
    return program


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program(_GOAL.value))


if __name__ == "__main__":
    app.run(main)
