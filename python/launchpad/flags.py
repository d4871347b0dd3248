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
RUN_DIR = flags.DEFINE_string(
    "lp_run_dir",
    "",
    "Where run directories (sockets, payloads; mode 0700) are made. Default: LAUNCHPAD_RUN_DIR, "
    "the user's runtime folder or the temporary folder.",
    allow_override=True,
)
