"""Plan files larger than memory: each case is packed by itself as it comes, and set in its place at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

from medvision.transforms.plans.tasks import PlanTask
from medvision.transforms.plans.text import packed, to_json
from medvision.transforms.split import SIDES
from medvision.transforms.store import HashingWriter

CaseOrder = Mapping[tuple[int, str], Sequence[str]]
"""(Task number, side) to upstream names, in order."""


class PlanSpool:
    """Cases of one plan on the local disk, as a context."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, str], tuple[int, int]] = {}
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> PlanSpool:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._file.close()

    def add(self, task: int, upstream_name: str, record: dict[str, Any]) -> None:
        """Keep a case. Raises ValueError when the task has a case of this name."""
        key = (task, upstream_name)
        if key in self._places:
            raise ValueError(f"two images of task {task:02d} are named {upstream_name}")
        data = packed(to_json(record))
        self._places[key] = self._file.tell(), len(data)
        self._file.write(data)

    def write(self, out: HashingWriter, info: dict[str, Any], tasks: Sequence[PlanTask], order: CaseOrder) -> int:
        """Write the plan; cases that were not added are left out. Returns the number of cases."""
        total = 0
        out.write(packed(f'{{"dataset_info":{to_json(info)},"tasks":['))
        for place, task in enumerate(tasks):
            text = ("," if place else "") + to_json(task.head).removesuffix("}")
            for side in SIDES:
                names = [name for name in order.get((task.number, side), ()) if (task.number, name) in self._places]
                out.write(packed(f'{text},"{side}_cases_number":{len(names)},"{side}_cases":['))
                self._copy(task.number, names, out)
                total += len(names)
                text = "]"
            out.write(packed("]}"))
        out.write(packed(f'],"tasks_number":{len(tasks)}}}'))
        return total

    def _copy(self, task: int, names: Sequence[str], out: HashingWriter) -> None:
        comma = packed(",")
        for number, name in enumerate(names):
            offset, length = self._places[task, name]
            self._file.seek(offset)
            out.write(comma if number else b"")
            out.write(self._file.read(length))
