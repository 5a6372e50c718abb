"""A release read by PyTorch's DataLoader: prints counts and checksums of its batches as JSON.

    PYTHON tests/promises/readers/torch_loader.py RELEASE [--raw ROOT] [--start spawn|fork] [--dealt]

PYTHON has torch and medvision. One config of each annotation kind and one of slices are read, with 0 and
with 2 workers, in the order of a sampler; both must give the same batches.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import medvision
from medvision.pipelines.training.open import known_configs

SIZE = (64, 48)
BATCH = 8


def chosen(release: Any) -> Iterator[tuple[str, str, str]]:
    """Config, split and annotation kind ("" for slices): the first of each kind."""
    seen: set[str] = set()
    for name, config in sorted(known_configs(release).items()):
        if config.family in ("slices", "pairs") and config.kind not in seen:
            seen.add(config.kind)
            yield name, next(iter(config.splits)), config.kind


def as_array(image: np.ndarray, target: dict[str, Any], mm: np.ndarray) -> tuple[torch.Tensor, int, np.ndarray]:
    """What of a slice can be stacked: its image, its number of labels, its pixel spacing."""
    return torch.from_numpy(image), len(target["segments"]), mm


def checksum(batches: Any) -> dict[str, Any]:
    """Samples, batches and sha256 of all that a loader gave."""
    digest, samples, count = hashlib.sha256(), 0, 0
    for batch in batches:
        count += 1
        samples += len(batch[0])
        for value in flat(batch):
            digest.update(value)
    return {"samples": samples, "batches": count, "sha256": digest.hexdigest()}


def flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, torch.Tensor):
        assert value.device.type == "cpu"
        yield f"{value.dtype} {tuple(value.shape)}".encode()
        yield value.contiguous().numpy().tobytes()
    elif isinstance(value, dict):
        for name in sorted(value):
            yield name.encode()
            yield from flat(value[name])
    elif isinstance(value, str):
        yield value.encode()
    else:
        assert isinstance(value, list | tuple), type(value)
        for item in value:
            yield from flat(item)


def read(release: Any, config: str, split: str, kind: str, workers: int, options: argparse.Namespace) -> dict[str, Any]:
    transform = None if kind else as_array
    dataset = release.dataset(config, split, size=SIZE, raw=options.raw, transform=transform)
    sampler = dataset.sampler(seed=0, workers=workers, batch_size=BATCH) if options.dealt else dataset.sampler(seed=0)
    sampler.set_epoch(1)
    loader = torch.utils.data.DataLoader(
        dataset,
        sampler=sampler,
        batch_size=BATCH,
        num_workers=workers,
        multiprocessing_context=options.start if workers else None,
    )
    found = checksum(loader)
    assert found["samples"] == len(dataset) == len(loader.sampler)
    assert found["batches"] == len(loader)
    return found


def types(release: Any, config: str, split: str, raw: str) -> dict[str, str]:
    """Types and shapes of the first batch of a config of pairs, without the axis of the batch."""
    dataset = release.dataset(config, split, size=SIZE, raw=raw)
    image, target, mm = next(iter(torch.utils.data.DataLoader(dataset, batch_size=2)))
    named = {"image": image, **target, "mm": mm}
    return {
        name: f"{value.dtype} {list(value.shape[1:])}" if isinstance(value, torch.Tensor) else type(value[0]).__name__
        for name, value in named.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("release")
    parser.add_argument("--raw", default="")
    parser.add_argument("--start", default="spawn", choices=["spawn", "fork", "forkserver"])
    parser.add_argument("--dealt", action="store_true", help="windows of its own for each worker")
    options = parser.parse_args()
    release = medvision.open_release(options.release)
    configs = {}
    for config, split, kind in chosen(release):
        runs = {workers: read(release, config, split, kind, workers, options) for workers in (0, 2)}
        assert options.dealt or runs[0] == runs[2], config
        assert runs[0]["samples"] == runs[2]["samples"], config
        configs[config] = {"split": split, "kind": kind, **runs[0]}
        if kind:
            configs[config]["types"] = types(release, config, split, options.raw)
    sys.stdout.write(json.dumps({"torch": torch.__version__, "configs": configs}, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
