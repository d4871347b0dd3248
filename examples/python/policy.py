"""A node in Python for the program drawn in C++ in examples/cpp/python_node.cc."""

import numpy as np


class Policy:
    """Answers the C++ nodes' calls, and calls one of them."""

    def __init__(self, scale: float, names: list[str], judge) -> None:
        self._scale = scale
        self._names = names
        self._judge = judge

    def act(self, observation: np.ndarray) -> dict[str, float]:
        return {name: self._scale * float(x) for name, x in zip(self._names, observation)}

    def judged(self, action: str) -> str:
        return f"{action} is {'good' if self._judge.likes(action) else 'bad'}"
