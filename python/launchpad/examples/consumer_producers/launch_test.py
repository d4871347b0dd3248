"""How a program is tested: in the test's own process, with a node run by the test itself."""

from absl.testing import absltest

import launchpad as lp
from launchpad.examples.consumer_producers.program import make_program


class LaunchTest(absltest.TestCase):
    """The consumer gets the producers' results."""

    def test_consumer(self) -> None:
        program = make_program(num_producers=2)
        (consumer_node,) = program.groups["consumer"]
        consumer_node.disable_run()
        lp.launch(program, launch_type="test_mt", test_case=self)
        consumer = consumer_node.create_handle().dereference()
        consumer.run()


if __name__ == "__main__":
    absltest.main()
