"""lp.launch: runs a program's nodes as threads or as processes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launchpad.context import LaunchType
    from launchpad.launch.worker_manager import WorkerManager
    from launchpad.program import Program


def launch(
    programs: Program | Sequence[Program],
    launch_type: LaunchType | str | None = None,
    xm_resources: Any = None,
    local_resources: dict[str, Any] | None = None,
    test_case: Any = None,
    terminal: str | None = None,
    *,
    serialize_py_nodes: bool | None = None,
    controller_xm_requirements: Any = None,
    dry_run: str | None = None,
    fork_server: bool | None = None,
) -> WorkerManager | None:
    """Launches a program.

    local_mt and local_mp wait until every node has ended. test_mt and test_mp return at once.

    Args:
      programs: a Program; of several the first is launched.
      launch_type: a LaunchType or its text; None: what --lp_launch_type says.
      xm_resources: a DockerConfig by label, for vertex_ai and local_docker.
      local_resources: a PythonProcess by label, for processes.
      test_case: an absltest.TestCase (or unittest's), whose clean-up ends the program and raises
        what failed; needed by test_mp.
      terminal: where the nodes of local_mp print: current_terminal, output_to_files, tmux_session,
        byobu_session, xterm, gnome-terminal, gnome-terminal-tabs. None: what the environment's
        LAUNCHPAD_LAUNCH_LOCAL_TERMINAL says, else current_terminal.
      serialize_py_nodes: whether threads' nodes go through cloudpickle. None: only in test_mt.
      controller_xm_requirements: ignored.
      dry_run: a folder; vertex_ai and local_docker only write what they would build and send there.
        None: what --lp_dry_run_dir says.
      fork_server: whether Python processes are forks of a warm one; None: not --lp_no_forkserver.

    Returns:
      The manager of the run, with `wait()` and `stop_and_wait()`; None if it runs elsewhere
      (vertex_ai).

    Raises:
      ValueError: an unknown launch type, or something wrong with the program.
      RuntimeError: a node that does not pickle.
      NodeFailed: a node failed; also an instance of the type of the exception that the node
        raised, where that can be rebuilt.
      KeyboardInterrupt: the nodes had to be killed by a second Ctrl-C.
    """
    del controller_xm_requirements
    from launchpad.context import LaunchType
    from launchpad.launch import start

    program = _first(programs, launch_type)
    chosen = _chosen_type(launch_type)
    if chosen in (LaunchType.VERTEX_AI, LaunchType.LOCAL_DOCKER):
        from launchpad import flags
        from launchpad.cloud import local_docker, vertex_ai

        dry_run = dry_run or flags.DRY_RUN_DIR.value
        if not dry_run and flags.DRY_RUN.value:
            dry_run = "launchpad_dry_run"
        if chosen is LaunchType.LOCAL_DOCKER:
            return local_docker.launch(program, xm_resources, dry_run)
        vertex_ai.launch(program, xm_resources, dry_run)
        return None
    return start.run(
        program,
        launch_type=chosen,
        local_resources=local_resources,
        test_case=test_case,
        terminal=terminal,
        serialize=serialize_py_nodes,
        forks=fork_server,
    )


def _chosen_type(launch_type: LaunchType | str | None) -> LaunchType:
    from launchpad.context import LaunchType

    parse_flags()
    if launch_type is None:
        from launchpad import flags

        launch_type = flags.LAUNCH_TYPE.value
    return LaunchType(launch_type)


def _first(programs: Any, launch_type: Any) -> Program:
    from launchpad.program import Program

    given = programs if isinstance(programs, Sequence) else [programs]
    if not given:
        raise ValueError("there is no program to launch: the list is empty")
    for each in given:
        if not isinstance(each, Program):
            raise TypeError(f"lp.launch takes an lp.Program, or a list of them, not {each!r}")
    if len(given) > 1:
        print(
            f"Multiple programs are provided but launch type is {launch_type}. "
            "Launching only the first one.",
            file=sys.stderr,
        )
    return given[0]


def parse_flags() -> None:
    """Parses absl's flags from the command line, unless somebody did."""
    from absl import flags

    import launchpad.flags  # noqa: F401  Defines ours.

    if not flags.FLAGS.is_parsed():
        flags.FLAGS(sys.argv, known_only=True)
