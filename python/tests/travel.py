"""A value's way through a call, without the call."""

from __future__ import annotations

import pickle

from launchpad.calls import pickles


class Travel:
    """A value, pickled for a call and back: `buffers` lie beside the `pickle`."""

    def __init__(self, value):
        self.buffers = []
        self.pickle = pickles.dumps(value, self._take)
        copies = [bytearray(buffer) for buffer in self.buffers]
        self.result = pickle.loads(self.pickle, buffers=copies)

    def _take(self, buffer):
        self.buffers.append(buffer.raw())
        return False
