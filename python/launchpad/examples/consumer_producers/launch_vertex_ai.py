"""The same program on Google's Vertex AI: a container for each label, with what it needs.

python -m launchpad.examples.consumer_producers.launch_vertex_ai --lp_dry_run_dir=out

writes what would be built and sent; without the flag it is, which needs GOOGLE_CLOUD_PROJECT and
what docs/vertex_ai.md says.
"""

import pathlib

from absl import app, flags

import launchpad as lp
from launchpad.examples.consumer_producers.program import make_program

_NUM_PRODUCERS = flags.DEFINE_integer("num_producers", 2, "The number of producers.")


def main(argv: list[str]) -> None:
    del argv
    folder = pathlib.Path(__file__).parent
    small, large = (
        lp.DockerConfig(str(folder), str(folder / "requirements.txt"), hw_requirements=hardware)
        for hardware in ({"cpu": 4, "memory_gib": 8}, {"cpu": 8, "memory_gib": 30})
    )
    # Nodes find each other, and the stop, as they do here.
    flags.FLAGS["lp_launch_type"].value = "vertex_ai"
    program = make_program(_NUM_PRODUCERS.value)
    lp.launch(program, "vertex_ai", xm_resources={"producer": small, "consumer": large})


if __name__ == "__main__":
    app.run(main)
