"""The smallest program: one node that prints a greeting.

python -m launchpad.examples.hello_world.launch --lp_launch_type=local_mp
"""

from absl import app

import launchpad as lp


class HelloWorld:
    """Greets."""

    def __init__(self) -> None:
        pass

    def run(self) -> None:
        print("Hello World!!!", flush=True)


def make_program() -> lp.Program:
    """One node."""
    program = lp.Program("hello_world")
    program.add_node(lp.PyClassNode(HelloWorld), label="hello_printer")
    return program


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program())


if __name__ == "__main__":
    app.run(main)
