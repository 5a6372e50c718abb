"""Whether a case's mask holds any label: asked before the numbered split where upstream drops empty ones."""

from __future__ import annotations

import hashlib
import json

import fsspec

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DataFault, DeadLetter
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE
from medvision.transforms.read import CaseReader
from medvision.transforms.store import Store


def empty_mask(case: Case, dataset: Dataset, options: BuildOptions) -> DeadLetter | None:
    """The dead letter of a case to drop, None for one to keep. A damaged mask is kept: its shard reports it.

    The answer is kept in the store by size and stamp of the mask, so that each mask is read for it once.
    """
    if not dataset.drop_empty_masks or not case.masks:
        return None
    store = Store(options.out)
    asked = json.dumps([case.dataset, [[file.path, file.size, file.stamp] for file in case.masks]])
    answer = f"{SHARD_STORE}/labelled/{hashlib.sha256(asked.encode()).hexdigest()[:32]}.json"
    known = store.read_if_any(answer)
    if known is not None:
        empty = bool(json.loads(known)["empty"])
    else:
        empty = _is_empty(case, dataset, options)
        store.replace(answer, json.dumps({"empty": empty}).encode())
    if not empty:
        return None
    fault = DataFault("match", "mask_empty")
    return DeadLetter(case.dataset, case.case_id, 0, fault.stage, fault.reason, fault.message, case.annotation_path)


def _is_empty(case: Case, dataset: Dataset, options: BuildOptions) -> bool:
    fs, root = fsspec.core.url_to_fs(options.raw)
    reader = CaseReader(fs, f"{root.rstrip('/')}/{case.dataset}", dataset)
    try:
        reader.mask(case)
    except DataFault as fault:
        return fault.reason == "mask_empty"
    return False
