"""Core-hours, bytes and dollars of a full release: rates of the benchmark times published counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from counts import COUNTS, Count
from prices import GIB_PER_GB, Prices
from rates import Rates, rates_of

GB = 1e9
WORKER_VCPUS = 4
WORKER_MEMORY_GB = 16.0
WORKER_DISK_GB = 25.0
"""Dataflow's default of a batch job with its shuffle service."""


@dataclass(frozen=True)
class Assumptions:
    """What neither the benchmark nor the published counts tell.

    Attributes:
        cores_a_vcpu: Benchmark cores that a vCPU is worth.
        busy: Part of the time that a core has work: the rest goes to starts, stragglers and waiting for disk or net.
        noise: Factor on the bytes of pictures over the benchmark's scans.
        archive_ratio: Inflated bytes of images a byte as stored: of what a build reads, and of an archive whose size
            is not published.
        disk_mb_s: Megabytes (10^6 bytes) a second that a laptop's disk reads and writes, together and for hours.
        worker_mb_s: Those that a worker reads from and writes to a bucket.
        even_planes: Each plane has a third of the slices, instead of a part as large as its axis is long.
        pooled: The mean rates of all benchmark cases serve every dataset, instead of those of the cases most like it.
    """

    cores_a_vcpu: float = 1.0
    busy: float = 0.8
    noise: float = 1.0
    archive_ratio: float = 2.0
    disk_mb_s: float = 500.0
    worker_mb_s: float = 200.0
    even_planes: bool = False
    pooled: bool = False


@dataclass(frozen=True)
class Amount:
    """Of one dataset, or of all. Hours are those of one busy core; a GB is 10^9 bytes.

    `archive_gb` is what is downloaded, `read_gb` the images in it that a build reads.
    """

    images: int = 0
    slices: int = 0
    annotation_hours: float = 0.0
    image_hours: float = 0.0
    annotation_gb: float = 0.0
    parquet_gb: float = 0.0
    webdataset_gb: float = 0.0
    archive_gb: float = 0.0
    read_gb: float = 0.0

    @property
    def hours(self) -> float:
        """Core-hours with images."""
        return self.annotation_hours + self.image_hours

    @property
    def release_gb(self) -> float:
        """Annotations, Parquet with images and tars."""
        return self.annotation_gb + self.parquet_gb + self.webdataset_gb

    @property
    def moved_gb(self) -> float:
        """Read and written by a build with images."""
        return self.read_gb + self.release_gb

    def __add__(self, other: Amount) -> Amount:
        return Amount(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Amount)))


def amount_of(count: Count, results: Sequence[dict[str, Any]], given: Assumptions) -> Amount:
    """A dataset's hours and bytes."""
    total = Amount()
    for part in count.parts:
        rates: Rates = rates_of(results, () if given.pooled else part.like)
        slices = count.slices_of(part)
        pixels = part.pixels_a_slice_even if given.even_planes else part.pixels_a_slice
        pixel_bytes = 2 * slices * pixels
        image_bytes = part.images * part.voxels * part.image_bytes_a_voxel
        mask_bytes = part.masks * part.mask_files * part.voxels
        total += Amount(
            annotation_hours=(mask_bytes * rates.mask_s + slices * rates.row_s) / 3600,
            image_hours=(image_bytes * rates.image_s + pixel_bytes * rates.picture_s) / 3600,
            annotation_gb=slices * rates.row_bytes / GB,
            parquet_gb=pixel_bytes * rates.parquet * given.noise / GB,
            webdataset_gb=pixel_bytes * rates.webdataset * given.noise / GB,
            archive_gb=image_bytes / given.archive_ratio / GB,
            read_gb=image_bytes / given.archive_ratio / GB,
        )
    known = Amount(images=count.images, slices=count.slices)
    if count.archive_gb is not None:
        known += Amount(archive_gb=count.archive_gb - total.archive_gb)
    return known + total


def amounts(results: Sequence[dict[str, Any]], given: Assumptions, counts: Sequence[Count] = COUNTS) -> list[Amount]:
    """Of each dataset, in the order of the table."""
    return [amount_of(count, results, given) for count in counts]


def total_of(found: Sequence[Amount]) -> Amount:
    return sum(found, Amount())


@dataclass(frozen=True)
class Bill:
    """One way to compute a release: hours by the clock, and dollars for computing alone."""

    name: str
    vcpus: int
    hours: float
    dollars: float


def bills(
    core_hours: float, moved_gb: float, vcpus: int, laptop_cores: int, given: Assumptions, prices: Prices
) -> list[Bill]:
    """The same work on a laptop, on Flink (one more VM for its JobManager) and on Dataflow.

    It takes as long as computing or moving the bytes does, whichever is longer.
    """
    workers = vcpus / WORKER_VCPUS
    busy_hours = core_hours / given.busy
    laptop = max(busy_hours / laptop_cores, moved_gb * 1000 / given.disk_mb_s / 3600)
    hours = max(busy_hours / given.cores_a_vcpu / vcpus, moved_gb * 1000 / (workers * given.worker_mb_s) / 3600)
    disk = WORKER_DISK_GB * prices.dataflow_disk_gb_hour
    memory = WORKER_MEMORY_GB * prices.dataflow_memory_gb_hour
    worker_hour = WORKER_VCPUS * prices.dataflow_vcpu_hour + memory + disk
    return [
        Bill("laptop", laptop_cores, laptop, 0.0),
        Bill("Flink, on demand", vcpus, hours, (workers + 1) * hours * (prices.flink_vm_hour + disk)),
        Bill("Flink, spot workers", vcpus, hours, hours * _spot(workers, disk, prices)),
        Bill("Dataflow", vcpus, hours, workers * hours * worker_hour),
    ]


def _spot(workers: float, disk: float, prices: Prices) -> float:
    """Dollars an hour of a cluster whose workers alone may be taken away."""
    return workers * (prices.flink_spot_vm_hour + disk) + prices.flink_vm_hour + disk


def storage_dollars(gb: float, prices: Prices) -> float:
    """Of a month."""
    return gb * GIB_PER_GB * prices.storage_gb_month


def egress_dollars(gb: float, prices: Prices) -> float:
    """Of taking it out of the cloud once."""
    return gb * GIB_PER_GB * prices.egress_gb
