"""One side of a comparison: rows of a shard, the rules that made them, and the rules that they are shown by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.diff.meaning import SLICE, Meaning, meaning_of
from medvision.pipelines.diff.switches import SECTIONS
from medvision.schemas.dataset import Dataset
from medvision.schemas.rules import Rules
from medvision.transforms.remeasure.spacing import VolumeKey, Voxels
from medvision.transforms.remeasure.table import remeasure
from medvision.transforms.split import holds_late_cases


@dataclass(frozen=True)
class Half:
    """Annotation rows of one dataset.

    Attributes:
        name: "A" or "B".
        rows: As the release holds them.
        built: Rules of the release.
        rules: Rules of the comparison; other than `built` where one release is shown by two sets of rules.
        dataset: Its table, None for a dataset that this program does not know: then nothing can be measured again.
        volumes: Voxel sizes by image, where the release has them.
    """

    name: str
    rows: pa.Table
    built: Rules
    rules: Rules
    dataset: Dataset | None
    volumes: Mapping[VolumeKey, Voxels] = field(default_factory=dict)
    _shown: dict[str, Meaning] = field(default_factory=dict, compare=False, repr=False)

    def shown(self, kind: str) -> Meaning:
        """Pairs of the kind: as stored where the rules are those of the build, else measured again."""
        if kind not in self._shown:
            stored = self.built == self.rules
            self._shown[kind] = self._meaning(self.rows, kind, self.rules) if stored else self.under(kind, self.rules)
        return self._shown[kind]

    def under(self, kind: str, rules: Rules) -> Meaning:
        """Pairs of the kind as `rules` would have them, every number computed again."""
        assert self.dataset is not None, "only a known dataset is measured again"
        sections = SECTIONS.get(kind, ("biometrics",))
        rows = remeasure(self.rows, self.built, rules, self.dataset, self.volumes, ("segments", *sections))
        return self._meaning(rows, kind, rules)

    def _meaning(self, rows: pa.Table, kind: str, rules: Rules) -> Meaning:
        late = sorted(self.dataset.late_cases) if self.dataset else []
        if late and kind != SLICE and not holds_late_cases(kind, rules):
            rows = rows.filter(pc.invert(pc.is_in(rows["case_id"], value_set=pa.array(late, pa.string()))))
        return meaning_of(rows, kind, rules)

    def only(self, slice_ids: pa.Array) -> Half:
        """The same with the rows of these slices alone."""
        return replace(self, rows=self.rows.filter(pc.is_in(self.rows["slice_id"], value_set=slice_ids)), _shown={})

    @cached_property
    def slices(self) -> pa.Array:
        """Ids of the slices that the rules of the comparison keep."""
        return self.shown(SLICE).ids

    def has(self, slice_ids: pa.Array) -> pa.Array:
        """Which of these slices it shows."""
        return pc.is_in(slice_ids, value_set=self.slices)
