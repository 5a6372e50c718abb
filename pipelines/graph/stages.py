"""Which steps the local runner runs together: it fuses them into stages before anything runs."""

# No `from __future__ import annotations` here: this module imports Beam.

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner


def stages_of(pipeline: beam.Pipeline, steps: Sequence[str], merges: set[str]) -> dict[str, tuple[int, ...]]:
    """Numbers of the fused stages that hold each step.

    The runner's own order changes with Python's hash seed where stages do not wait for each other, so they are
    numbered anew: by their first step, then as the runner has them.

    Args:
        pipeline: Not run, and not changed.
        steps: Full names of steps, in the pipeline's order.
        merges: Steps that only take collections together; a stage of nothing else has no number.

    Returns:
        Step to its stages from 1, in order; () for a merge.
    """
    _, fused = FnApiRunner().create_stages(pipeline.to_runner_api())
    held = []
    for stage in fused:
        names = [transform.unique_name for transform in stage.transforms]
        inside = {step for step in steps for name in names if name == step or name.startswith(f"{step}/")} - merges
        if inside:
            held.append(inside)
    held.sort(key=lambda inside: min(steps.index(step) for step in inside))
    return {step: tuple(number for number, inside in enumerate(held, 1) if step in inside) for step in steps}
