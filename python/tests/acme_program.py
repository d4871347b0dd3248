"""A distributed program as Acme's layouts draw it, from Acme's own parts. Its argument: how many
steps its StepsLimiter allows.
"""

import sys

import acme
import dm_env
import numpy as np
from absl import app
from acme import core, specs
from acme.utils import counting, loggers, lp_utils, signals

import launchpad as lp


class Catch(dm_env.Environment):
    """Three steps an episode."""

    def __init__(self):
        self._step = 0

    def reset(self):
        self._step = 0
        return dm_env.restart(np.zeros(4, np.float32))

    def step(self, action):
        self._step += 1
        observation = np.full(4, self._step, np.float32)
        if self._step == 3:
            return dm_env.termination(1.0, observation)
        return dm_env.transition(0.0, observation)

    def observation_spec(self):
        return specs.Array((4,), np.float32)

    def action_spec(self):
        return specs.DiscreteArray(2)


class Learner(core.Learner):
    """Its weights are the number of its steps."""

    def __init__(self, counter):
        self._counter = counting.Counter(counter, "learner")
        self._weights = np.zeros(3, np.float32)

    def step(self):
        self._weights = self._weights + 1
        self._counter.increment(steps=1)

    def run(self):
        with signals.runtime_terminator():
            while not lp.wait_for_stop(0.01):
                self.step()

    def get_variables(self, names):
        return [self._weights for _ in names]


class Inference:
    """Acts for all actors at once, as Acme's inference server does."""

    def __init__(self):
        self.act = lp.batched_handler(batch_size=2)(self.act)

    def act(self, observation):
        return np.argmax(observation, axis=-1).astype(np.int32) % 2


class Actor(core.Actor):
    def __init__(self, source, inference):
        self._source = source
        self._inference = inference

    def select_action(self, observation):
        return self._inference.act(observation)

    def observe_first(self, timestep):
        pass

    def observe(self, action, next_timestep):
        pass

    def update(self, wait=False):
        [weights] = self._source.get_variables(["policy"])
        assert weights.shape == (3,)


def actor(source, counter, inference):
    return acme.EnvironmentLoop(
        Catch(),
        Actor(source, inference),
        counter=counting.Counter(counter, "actor"),
        logger=loggers.NoOpLogger(),
    )


def make_program(max_steps, num_actors=2):
    program = lp.Program("agent")
    with program.group("counter"):
        counter = program.add_node(lp.CourierNode(counting.Counter))
    with program.group("coordinator"):
        program.add_node(lp.CourierNode(lp_utils.StepsLimiter, counter, max_steps))
    with program.group("learner"):
        learner = program.add_node(lp.CourierNode(Learner, counter))
    with program.group("inference"):
        inference = program.add_node(
            lp.CourierNode(Inference, courier_kwargs={"thread_pool_size": 4})
        )
    with program.group("actor"):
        for _ in range(num_actors):
            program.add_node(lp.CourierNode(actor, learner, counter, inference))
    return program


def main(argv):
    program = make_program(int(argv[1]))
    # None for all launches on this machine.
    resources = lp_utils.make_xm_docker_resources(program)
    assert resources is None
    lp.launch(program, xm_resources=resources)
    print("ended", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    app.run(main)
