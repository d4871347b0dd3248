"""PatternDataset: the items that a StructuredWriter would make of a dataset's steps, without a
server.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tree

from reverb import arrays, dataset, pattern_rules, patterns, replay_sample, specs


class PatternDataset(dataset.Dataset):
    """Items made of steps by patterns.

    Args:
      input_dataset: steps, one after the other; anything that can be iterated. Its `element_spec`,
        or else its first step, says what they look like.
      configs: the patterns; their tables and priorities do not matter.
      respect_episode_boundaries: no item has steps of two episodes.
      is_end_of_episode: says of a step whether it is the last of its episode.

    Raises:
      ValueError: the configs are not valid, or differ in structure.
    """

    def __init__(
        self,
        input_dataset: Iterable[Any],
        configs: Sequence[patterns.Config],
        respect_episode_boundaries: bool,
        is_end_of_episode: Callable[[Any], Any],
    ) -> None:
        steps = (
            input_dataset
            if isinstance(input_dataset, dataset.Dataset)
            else dataset.Dataset.from_iterable(
                input_dataset, getattr(input_dataset, "element_spec", None)
            )
        )
        pattern_rules.Rules(configs)  # Errors now, not when it is iterated.
        signature = patterns.infer_signature(configs, steps.element_spec)
        structure = patterns.unpack_pattern(configs[0])

        def make(scope: dataset.Scope) -> Iterator[Any]:
            flat_items = _items(
                steps._make(scope), configs, respect_episode_boundaries, is_end_of_episode
            )
            return (tree.unflatten_as(structure, item) for item in flat_items)

        super().__init__(make, lambda: tree.map_structure(specs.as_spec, signature))


def _items(
    steps: Iterator[Any],
    configs: Sequence[patterns.Config],
    clear_at_end: bool,
    is_end_of_episode: Callable[[Any], Any],
) -> Iterator[list[np.ndarray[Any, Any]]]:
    rules = pattern_rules.Rules(configs)
    history: collections.deque[list[Any]] = collections.deque(maxlen=rules.history_needed)

    def made(end_of_episode: bool) -> Iterator[list[np.ndarray[Any, Any]]]:
        for rule in rules.due(len(history), lambda column: history[-1][column], end_of_episode):
            item = [
                history[offsets[0]][source]
                if squeeze
                else np.stack([history[offset][source] for offset in offsets])
                for source, offsets, squeeze in rule.columns
            ]
            rule.applied()
            yield item

    for step in steps:
        history.append([arrays.as_array(leaf) for leaf in tree.flatten(step)])
        rules.begin_step()
        yield from made(False)
        ended = is_end_of_episode(step)
        if not isinstance(ended, (bool, np.bool_)) and getattr(ended, "dtype", None) != np.bool_:
            raise ValueError(
                "Invalid `is_end_of_episode`. `is_end_of_episode` must return `bool`, "
                f"but it returned {ended!r}."
            )
        if ended:
            yield from made(True)
            rules.begin_episode()
            if clear_at_end:
                history.clear()


def pattern_dataset_with_info(
    input_dataset: Iterable[Any],
    configs: Sequence[patterns.Config],
    respect_episode_boundaries: bool,
    is_end_of_episode: Callable[[Any], Any],
) -> dataset.Dataset:
    """A PatternDataset of ReplaySamples, whose info is all zeros."""
    items = PatternDataset(input_dataset, configs, respect_episode_boundaries, is_end_of_episode)
    zeros = replay_sample.SampleInfo.zeros()
    return items._then(
        lambda elements, _: (replay_sample.ReplaySample(zeros, element) for element in elements),
        lambda: replay_sample.ReplaySample(
            tree.map_structure(
                specs.TensorSpec,
                replay_sample.SampleInfo.tf_shapes(),
                replay_sample.SampleInfo.tf_dtypes(),
            ),
            items.element_spec,
        ),
    )
