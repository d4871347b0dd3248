"""python -m launchpad.examples.consumer_producers.launch --num_producers=3
--lp_launch_type=local_mp
"""

from absl import app, flags

import launchpad as lp
from launchpad.examples.consumer_producers.program import make_program

_NUM_PRODUCERS = flags.DEFINE_integer("num_producers", 2, "The number of producers.")


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program(num_producers=_NUM_PRODUCERS.value))


if __name__ == "__main__":
    app.run(main)
