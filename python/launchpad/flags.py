"""The command-line flags that every program has. Importing this defines them (absl)."""

from __future__ import annotations

from absl import flags

from launchpad.context import LaunchType

LAUNCH_TYPE = flags.DEFINE_enum(
    "lp_launch_type",
    LaunchType.LOCAL_MULTI_THREADING.value,
    [launch_type.value for launch_type in LaunchType],
    "How the program's nodes run: local_mt as threads, local_mp as processes.",
    allow_override=True,
)
TERMINATION_NOTICE_SECS = flags.DEFINE_float(
    "lp_termination_notice_secs",
    10,
    "How long nodes may take to stop before they are killed; 0: no time, negative: any.",
    allow_override=True,
)
TMUX_SESSION_NAME = flags.DEFINE_string(
    "tmux_session_name",
    "launchpad",
    "The session of terminal='tmux_session'; if it is taken, with _0, _1 and so on behind it.",
    allow_override=True,
)
TMUX_OPEN_WINDOW = flags.DEFINE_bool(
    "tmux_open_window",
    False,
    "Whether a launcher that runs inside tmux switches to the session of its nodes.",
    allow_override=True,
)
DRY_RUN_DIR = flags.DEFINE_string(
    "lp_dry_run_dir",
    "",
    "Launch types with containers only write what they would build and send into this folder.",
    allow_override=True,
)
PDB_POST_MORTEM = flags.DEFINE_bool(
    "lp_pdb_post_mortem",
    True,
    "Whether the first node that fails is debugged, if the launcher runs at a terminal.",
    allow_override=True,
)
DRY_RUN = flags.DEFINE_bool(
    "lp_dry_run",
    False,
    "Whether to check the program, print what is wrong and the graph, and launch nothing.",
    allow_override=True,
)
CATCH_DEFERRED_EXCEPTION = flags.DEFINE_bool(
    "lp_catch_deferred_exception",
    True,
    "Whether an exception of a Deferred is raised as a RuntimeError that says where the Deferred "
    "was written.",
    allow_override=True,
)
RUN_DIR = flags.DEFINE_string(
    "lp_run_dir",
    "",
    "Where run directories (sockets, payloads; mode 0700) are made. Default: LAUNCHPAD_RUN_DIR, "
    "the user's runtime folder or the temporary folder.",
    allow_override=True,
)
NO_FORKSERVER = flags.DEFINE_bool(
    "lp_no_forkserver",
    False,
    "Whether each Python node that is a process starts an interpreter of its own, instead of being "
    "a fork of one that has imported what they all need.",
    allow_override=True,
)
