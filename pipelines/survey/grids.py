"""Grids of a case's files against each other and against what is usual, from headers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import fsspec
import numpy as np

from medvision.pipelines.survey.findings import Found
from medvision.pipelines.survey.headers import Header, read_header
from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import Dataset, LandmarkTask
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.volume import Grid, RawVolume
from medvision.transforms.geometry import affine_of_axes, grid_distance_mm, grid_flags, to_ras
from medvision.transforms.ranges import check_file

FLAG_MEANINGS = {
    "spacing_conflict": "the header's voxel sizes and the affine disagree by over 0.1 %",
    "spacing_unusual": "a voxel side is over 20 mm",
    "sheared": "voxel axes are not at right angles",
    "plane_name_uncertain": "the planes' names are only the nearest ones",
}


@dataclass(frozen=True)
class GridCheck:
    """Reads headers of one dataset's cases below `folder`; what is wrong goes to `found`."""

    dataset: Dataset
    fs: fsspec.AbstractFileSystem
    folder: str
    options: BuildOptions
    found: Found

    def slices_at_most(self, case: Case) -> int:
        """Check a case; returns the slices of its images over the asked planes, 0 for headers that cannot be read.

        Only the slices that show a label become rows, so this bounds them from above.
        """
        mask = self._mask_grid(case)
        flagged: set[str] = set()
        total = 0
        for image in case.images:
            file = image.file
            landmarks = self.dataset.landmark_task(image.task) if case.landmarks else None
            member = "" if landmarks else self.dataset.task(image.task).member
            header = self._header(case, file, member, landmarks)
            grid = self._grid(header, file, image.channel)
            if grid is None:
                continue
            if file.path not in flagged:  # channels of a file share its grid
                self._flag(grid, file)
                self._compare(grid, mask, file)
                flagged.add(file.path)
            total += self._slices(grid, case, image.task)
        return total

    def _slices(self, grid: Grid, case: Case, number: int) -> int:
        if case.landmarks:  # a measure is shown on one slice
            task = self.dataset.landmark_task(number)
            return len(task.measures) * (len(case.landmarks) + task.mean_of_sources)
        planes: tuple[str, ...] = self.options.planes
        if self.options.rule_table.physical_planes_only:
            planes = tuple(plane for plane in planes if plane in self.dataset.task(number).physical_planes)
        sides = dict(zip(("sagittal", "coronal", "axial"), grid.shape_xyz, strict=True))
        return sum(sides[plane] for plane in planes)

    def _mask_grid(self, case: Case) -> Grid | None:
        """Grid of the mask (of the first class file); None where the image's affine replaces its own, or unreadable."""
        if not case.masks:
            return None
        task, file = self.dataset.task(case.images[0].task), case.masks[0]
        header = self._header(case, file, task.mask_member, None)
        if header is not None and task.mask_member and len(header.shape) == 4:
            header = replace(header, shape=header.shape[:3])  # one-hot
        if header is not None and task.mask_affine_from_image:
            image = self._header(case, case.images[0].file, task.member, None, silent=True)
            header = replace(header, affine=image.affine, zooms_mm=image.zooms_mm) if image is not None else None
        grid = self._grid(header, file, None)
        if grid is not None:
            self._flag(grid, file)
        return grid

    def _header(
        self, case: Case, file: SourceFile, member: str, landmarks: LandmarkTask | None, silent: bool = False
    ) -> Header | None:
        name, film_mm = self.dataset.name, landmarks.spacing_mm if landmarks else 0.0
        try:
            check_file(self.fs, f"{self.folder}/{file.path}")
            with self.fs.open(f"{self.folder}/{file.path}", "rb") as stream:
                header = read_header(stream, file.path, file.size, member, film_mm)
        except DataFault as fault:
            if not silent:
                self.found.add_fault("error", name, fault, file.path)
            return None
        except OSError as error:
            if not silent:
                self.found.add_unreadable(name, error, file.path)
            return None
        if header is None:
            self.found.add("info", name, "header_unread", "format whose header is not looked at", file.path)
        elif case.axes:
            return replace(header, affine=affine_of_axes(case.axes, header.zooms_mm))
        return header

    def _grid(self, header: Header | None, file: SourceFile, channel: int | None) -> Grid | None:
        if header is None:
            return None
        nothing = np.broadcast_to(np.uint8(0), header.shape)
        raw = RawVolume(nothing, header.affine, header.zooms_mm)
        try:
            return to_ras(raw, channel, self.dataset.spacing_in_header).grid
        except DataFault as fault:
            self.found.add_fault("error", self.dataset.name, fault, file.path)
            return None

    def _flag(self, grid: Grid, file: SourceFile) -> None:
        for flag in grid_flags(grid):
            self.found.add("warning", self.dataset.name, flag, FLAG_MEANINGS[flag], file.path)

    def _compare(self, grid: Grid, mask: Grid | None, file: SourceFile) -> None:
        if mask is None:
            return
        name, rules = self.dataset.name, self.options.rule_table
        if grid.shape_xyz != mask.shape_xyz:
            example = f"{file.path}: image {list(grid.shape_xyz)}, mask {list(mask.shape_xyz)}"
            self.found.add("error", name, "shape_mismatch", "image and mask differ in shape (RAS+)", example)
            return
        distance = grid_distance_mm(grid, mask)
        limit = rules.grid_tolerance * min(mask.affine_spacing_xyz_mm)
        if distance > limit:
            severity = "error" if rules.grid_mismatch == "reject" else "warning"
            example = f"{file.path}: {distance:.3g} mm apart, the limit is {limit:.3g} mm"
            self.found.add(severity, name, "grid_mismatch", "image and mask lie on different grids", example)
