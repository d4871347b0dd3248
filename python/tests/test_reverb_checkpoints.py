"""Checkpoints that are written while the tables are used."""

from __future__ import annotations

import threading

from reverb_tables import LIMIT, serving, table

from reverb.platform.default import checkpointers


def test_a_checkpoint_is_of_one_moment_in_all_tables(tmp_path):
    def tables():
        return [table(name, max_size=10**6) for name in ("first", "second")]

    keeper = checkpointers.DefaultCheckpointer(str(tmp_path / "own"))
    ended = threading.Event()
    with serving(*tables(), checkpointer=keeper) as server:
        client = server.localhost_client()

        def insert():
            # Not without end: each checkpoint would find more to write than the one before.
            for number in range(20_000):
                if ended.is_set():
                    return
                client.insert([number], {"first": 1.0})
                client.insert([number], {"second": 1.0})

        writer = threading.Thread(target=insert)
        writer.start()
        try:
            for number in range(10):
                path = client.checkpoint(timeout=LIMIT)
                copy = checkpointers.DefaultCheckpointer(
                    str(tmp_path / str(number)), fallback_checkpoint_path=path
                )
                with serving(*tables(), checkpointer=copy) as other:
                    info = other.localhost_client().server_info(LIMIT)
                ahead = info["first"].current_size - info["second"].current_size
                assert ahead in (0, 1), path
        finally:
            ended.set()
            writer.join(LIMIT)
    assert info["first"].current_size > 10
