"""The program of the tests with other libraries: a node `act` that calls a Learner, in Python, and
the example's Counter, in C++.
"""

# Behind the definitions of Learner and act. Its arguments: the launch type, the Counter's program.
LAUNCH = """
class Namer:
    def name_of(self, number):
        return "name"

program = lp.Program("p")
learner = program.add_node(lp.CourierNode(Learner), label="learner")
namer = program.add_node(lp.CourierNode(Namer), label="namer")
counter = program.add_node(lp.CppNode(sys.argv[2], "Counter", 10, namer), label="counter")
program.add_node(lp.PyNode(act, learner, counter), label="act")
lp.launch(program, sys.argv[1])
"""


def said(ended):
    """The lines that `act` printed."""
    return [line.removeprefix("[act/0] ") for line in ended.out.splitlines()]
