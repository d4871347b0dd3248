"""Upstream's names with upstream's signatures: what a program for dm-launchpad calls is taken."""

from __future__ import annotations

import importlib
import inspect

import pytest
from absl import flags

import courier
import launchpad as lp
from launchpad.nodes.base import Node

# Names at the top level, with the parameters that programs pass, in order; `*` begins those that
# are passed by name only.
SIGNATURES = {
    "Program": "name",
    "launch": "programs launch_type xm_resources local_resources test_case terminal * "
    "serialize_py_nodes controller_xm_requirements",
    "is_local_launch": "launch_type",
    "is_local_launch_or_test": "launch_type",
    "PyNode": "function *args **kwargs",
    "PyClassNode": "constructor *args **kwargs",
    "CourierNode": "constructor *args courier_kwargs courier_client_kwargs **kwargs",
    "CourierHandle": "address **kwargs",
    "CourierClient": "server_address compress call_timeout wait_for_ready chunk_tensors * "
    "load_balancing_policy propagate_deadline",
    "MultiThreadingColocation": "nodes return_on_first_completed",
    "MultiProcessingColocation": "nodes num_retries_on_failure",
    "DockerConfig": "code_directory docker_requirements hw_requirements python_path",
    "CacherNode": "source_handle refresh_interval_ms stale_after_ms",
    "ReverbNode": "priority_tables_fn checkpoint_ctor checkpoint_time_delta_minutes",
    "batched_handler": "batch_size max_parallelism timeout pad_batch",
    "Address": "name",
    "SimpleLocalAddressBuilder": "",
    "get_port_from_address": "address",
    "stop": "",
    "wait_for_stop": "timeout_secs",
    "stop_event": "",
    "register_stop_handler": "handler",
    "unregister_stop_handler": "handler",
    "make_program_stopper": "launch_type",
    "Deferred": "constructor *args **kwargs",
    "PythonProcess": "args env",
}


def parameters(callable_):
    """As SIGNATURES has them."""
    words, named_only = [], False
    for parameter in inspect.signature(callable_).parameters.values():
        if parameter.name.startswith("_"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not named_only:
            named_only = True
            if not any(word.startswith("*") for word in words):
                words.append("*")
        if parameter.kind is parameter.VAR_POSITIONAL:
            named_only = True
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
        words.append(prefix.get(parameter.kind, "") + parameter.name)
    return words


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_name_takes_what_upstreams_takes(name):
    wanted = SIGNATURES[name].split()
    assert parameters(getattr(lp, name))[: len(wanted)] == wanted


def test_courier_exports_what_upstream_does():
    assert {"Client", "Server", "list_methods"} <= set(courier.__all__)
    assert parameters(courier.Server)[:3] == ["name", "port", "thread_pool_size"]
    assert courier.Client is lp.CourierClient


MEMBERS = {
    "launchpad.program.Program": "add_node group current_group groups get_all_nodes name",
    "launchpad.nodes.base.Node": "create_handle to_executables launch_context input_handles "
    "bind_addresses allocate_address default_launch_config _track_handle",
    "launchpad.nodes.base.Handle": "connect dereference transform",
    "launchpad.nodes.python.node.PyClassNode": "enable_run disable_run function run",
    "launchpad.nodes.courier.node.CourierNode": "configure courier_address create_handle run",
    "launchpad.nodes.courier.node.CourierHandle": "dereference set_client_kwargs",
    "launchpad.context.LaunchContext": "initialize launch_type launch_config program_stopper",
    "launchpad.address.Address": "assign bind resolve",
    "launchpad.launch.worker_manager.WorkerManager": "thread_worker process_worker "
    "register_existing_process wait join stop_and_wait wait_for_stop stop_event "
    "check_for_thread_worker_exception cleanup_after_test",
    "courier.Server": "Bind BindHandler Unbind Start Stop Join port address has_started "
    "SetIsHealthy",
}


@pytest.mark.parametrize("place", MEMBERS)
def test_a_class_has_upstreams_members(place):
    module, _, name = place.rpartition(".")
    class_ = getattr(importlib.import_module(module), name)
    assert [member for member in MEMBERS[place].split() if not hasattr(class_, member)] == []


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("lp_launch_type", "local_mt"),
        ("lp_termination_notice_secs", 10),
        ("tmux_session_name", "launchpad"),
        ("lp_catch_deferred_exception", True),
    ],
)
def test_a_flag_has_upstreams_default(name, default):
    assert flags.FLAGS[name].default == default


class Mute(Node):
    def create_handle(self):
        return lp.PyNode(print).create_handle()


def test_a_kind_of_node_that_says_nothing_of_what_it_runs_is_told_how_to():
    program = lp.Program("p")
    program.add_node(Mute(), "mute")
    with pytest.raises(NotImplementedError, match=r"Mute.*define its static method to_executables"):
        lp.launch(program, "local_mt")


def broken():
    raise KeyError("no such thing")


def test_a_deferred_says_where_it_was_written():
    with pytest.raises(RuntimeError, match=r"evaluating Deferred defined at:(.|\n)*in test_a_def"):
        lp.Deferred(broken).dereference()


def test_a_deferreds_own_exception_is_raised_if_the_flag_asks_for_it():
    flags.FLAGS(["test"], known_only=True)
    flags.FLAGS.lp_catch_deferred_exception = False
    try:
        with pytest.raises(KeyError, match="no such thing"):
            lp.Deferred(broken).dereference()
    finally:
        flags.FLAGS.lp_catch_deferred_exception = True


def test_a_deferred_is_built_once():
    deferred = lp.Deferred(list, (1, 2))
    assert deferred.dereference() is lp.maybe_dereference(deferred)
    assert lp.maybe_dereference(3) == 3


def test_a_stop_handlers_exception_at_a_stop_that_was_is_its_registrars(run):
    ended = run(
        """
        import launchpad as lp

        def leave():
            raise SystemExit

        def node():
            lp.stop()
            lp.wait_for_stop()
            lp.register_stop_handler(leave)
            print("not reached")

        program = lp.Program("p")
        program.add_node(lp.PyNode(node), "node")
        lp.launch(program)
        print("ended")
        """
    )
    assert (ended.out, ended.status) == ("ended\n", 0), ended.err
