"""A distributed agent as Acme's layouts draw it: a builder whose methods are the nodes'
constructors, of Acme's own counters, loops, limiter and terminator.

Arguments: how many steps its StepsLimiter allows; `colocate` puts the learner and the inference
server into one process.
"""

import datetime
import sys

import acme
import dm_env
import numpy as np
from absl import app, flags
from acme import core, specs
from acme.utils import counting, loggers, lp_utils, signals

import launchpad as lp

FLAGS = flags.FLAGS


class Catch(dm_env.Environment):
    """Three steps an episode."""

    def __init__(self):
        self._step = 0

    def reset(self):
        self._step = 0
        return dm_env.restart(np.zeros(4, np.float32))

    def step(self, action):
        assert action.dtype == np.int32
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

    def __init__(self, key, counter):
        self._counter = counting.Counter(counter, "learner")
        self._weights = {"policy": np.zeros(3, np.float32) + key.sum(), "critic": np.zeros(2)}

    def step(self):
        self._weights["policy"] = self._weights["policy"] + 1
        self._counter.increment(steps=1)

    def run(self):
        with signals.runtime_terminator():
            while not lp.wait_for_stop(0.01):
                self.step()

    def get_variables(self, names):
        return [self._weights[name] for name in names]


class InferenceServer:
    """Acts for all actors at once, with the learner's newest weights."""

    def __init__(self, handler, source, batch_size):
        self._handler = handler
        self._source = source
        self.act = lp.batched_handler(
            batch_size=batch_size,
            timeout=datetime.timedelta(milliseconds=20),
            pad_batch=True,
            max_parallelism=2,
        )(self.act)
        self._batch_size = batch_size

    def act(self, observation, actor_id):
        assert observation.shape == (self._batch_size, 4)  # Padded.
        [weights] = self._source.get_variables(["policy"])
        return self._handler(weights, observation) + 0 * actor_id.astype(np.int32)


class Actor(core.Actor):
    def __init__(self, source, inference, actor_id):
        self._source = source
        self._inference = inference
        self._id = actor_id

    def select_action(self, observation):
        return self._inference.act(observation, self._id)

    def observe_first(self, timestep):
        pass

    def observe(self, action, next_timestep):
        pass

    def update(self, wait=False):
        [weights, critic] = self._source.get_variables(["policy", "critic"])
        assert weights.shape == (3,) and critic.shape == (2,)


def policy(weights, observations, temperature=1.0):
    del weights, temperature
    return np.argmax(observations, axis=-1).astype(np.int32) % 2


class Layout:
    """The topology, as acme.jax.layouts.distributed_layout has it."""

    def __init__(self, max_steps, num_actors, colocate, serves_actions):
        self._max_steps = max_steps
        self._num_actors = num_actors
        self._colocate = colocate
        self._serves_actions = serves_actions
        self._policy = lp_utils.partial_kwargs(policy, temperature=0.5)

    def counter(self):
        return counting.Counter()

    def coordinator(self, counter, max_actor_steps):
        return lp_utils.StepsLimiter(counter, max_actor_steps)

    def learner(self, key, counter):
        return Learner(key, counter)

    def inference(self, learner):
        return InferenceServer(self._policy, learner, batch_size=self._num_actors)

    def evaluator(self, key, source, counter, make_actor):
        del key
        counter = counting.Counter(counter, "evaluator")
        actor = make_actor(source)
        return acme.EnvironmentLoop(Catch(), actor, counter=counter, logger=loggers.NoOpLogger())

    def actor(self, key, source, counter, inference, actor_id):
        del key
        counter = counting.Counter(counter, "actor")
        actor = Actor(source, inference, actor_id)
        return acme.EnvironmentLoop(Catch(), actor, counter=counter, logger=loggers.NoOpLogger())

    def build(self):
        program = lp.Program(name="agent")
        keys = iter(np.random.default_rng(0).integers(0, 9, (8, 2)).astype(np.uint32))
        with program.group("counter"):
            counter = program.add_node(lp.CourierNode(self.counter))
            program.add_node(lp.CourierNode(self.coordinator, counter, self._max_steps))
        learner_node = lp.CourierNode(
            self.learner, next(keys), counter, courier_kwargs={"thread_pool_size": 8}
        )
        learner = learner_node.create_handle()
        inference_node = lp.CourierNode(self.inference, learner)
        inference = inference_node.create_handle()
        with program.group("learner"):
            if self._colocate:
                program.add_node(lp.MultiThreadingColocation([learner_node, inference_node]))
            else:
                program.add_node(learner_node)
        if self._serves_actions and not self._colocate:
            program.add_node(inference_node, label="inference")
        if not self._serves_actions:
            inference = None
        source = program.add_node(
            lp.CacherNode(learner, refresh_interval_ms=50, stale_after_ms=1000), label="cacher"
        )

        def make_actor(variable_source):
            return Actor(variable_source, inference_of_one, 0)

        with program.group("evaluator"):
            program.add_node(
                lp.CourierNode(self.evaluator, next(keys), source, counter, make_actor)
            )
        with program.group("actor"):
            for actor_id in range(self._num_actors):
                program.add_node(
                    lp.CourierNode(self.actor, next(keys), source, counter, inference, actor_id)
                )
        return program


class _One:
    """What acts for the evaluator alone."""

    def act(self, observation, actor_id):
        return policy(None, observation[None])[actor_id]


inference_of_one = _One()


def main(argv):
    is_local = FLAGS.lp_launch_type.startswith("local_m")
    layout = Layout(int(argv[1]), 2, "colocate" in argv, serves_actions=is_local)
    program = layout.build()
    # None for all launches on this machine.
    resources = lp_utils.make_xm_docker_resources(program)
    assert (resources is None) == is_local
    lp.launch(program, xm_resources=resources)
    print("ended", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    app.run(main)
