"""The command `reverb_server`: serves tables that a text describes, until SIGINT or SIGTERM.

reverb_server --config='port: 8000 tables { table_name: "queue" max_size: 10 ... }'
reverb_server --config=tables.textproto

The text is a reverb_config_pb2.ReverbServerConfig.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import signal
import sys
from collections.abc import Sequence

from reverb import message_text
from reverb.server import Server, Table
from reverb.server_executable import server_from_proto
from reverb.server_executable.reverb_config_pb2 import ReverbServerConfig

# What no file's name would have, and every config has.
_OF_A_CONFIG = re.compile(r"[:{<]")
# What of a table's message tables_from_proto reads.
_USED = {"table_name", "max_size", "max_times_sampled", "rate_limiter", "sampler", "remover"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal. The exit status: 0, or 2 if what was given cannot be served."""
    given = _parser().parse_args(arguments).config
    name = given if os.path.exists(given) else "--config"
    bell = _bell()
    try:
        config = _read(given)
        server = Server(_tables(name, config), port=config.port)
    except message_text.ParseError as error:
        return _refuse(f"{name}:{error}")
    except OSError as error:
        return _refuse(f"{name}: {error.strerror}")
    except ValueError as error:
        return _refuse(f"{name}: {error}")
    names = ", ".join(table.table_name for table in config.tables)
    print(f"reverb_server: localhost:{server.port} serves {names}", flush=True)
    os.read(bell, 1)
    server.stop()
    return 0


def app_run_main() -> None:
    """The entry point of the command."""
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reverb_server",
        description="Serves tables on the loopback interface until SIGINT or SIGTERM.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="TEXT|FILE",
        help="a ReverbServerConfig in protobuf's text format, or a file that has it: "
        "the port (0: a free one) and the tables",
    )
    return parser


def _read(config: str) -> ReverbServerConfig:
    text = config
    if os.path.exists(config):
        text = pathlib.Path(config).read_text(encoding="utf-8")
    elif config and not _OF_A_CONFIG.search(config):
        raise ValueError(f"there is no file '{config}', and it is no text of a config either")
    return message_text.parse(text, ReverbServerConfig())


def _tables(name: str, config: ReverbServerConfig) -> list[Table]:
    tables = []
    for number, table in enumerate(config.tables):
        which = f"tables[{number}] ('{table.table_name}')"
        try:
            tables += server_from_proto.tables_from_proto([table])
        except (ValueError, NotImplementedError) as error:
            raise ValueError(f"{which}: {error}") from error
        unused = [field for field in table.FIELDS if table.HasField(field) and field not in _USED]
        if unused:
            print(
                f"reverb_server: {name}: {which}: not used: {', '.join(unused)}",
                file=sys.stderr,
            )
    return tables


def _bell() -> int:
    """A descriptor that can be read once SIGINT or SIGTERM comes, to whichever thread."""
    bell, rope = os.pipe()
    os.set_blocking(rope, False)
    signal.set_wakeup_fd(rope)
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, lambda number, frame: None)
    return bell


def _refuse(why: str) -> int:
    print(f"reverb_server: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    app_run_main()
