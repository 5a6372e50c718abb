"""List prices in US dollars, Google Cloud us-central1, each with its unit, source and day of reading."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

GIB_PER_GB = 1e9 / 2**30
"""Google's price pages mean 2^30 bytes by GB, this project 10^9."""
DATAFLOW = "https://cloud.google.com/dataflow/pricing"
DATAFLOW_READ = "as Apache Beam 2.77.0 quotes that page in apache_beam/testing/load_tests/dataflow_cost_consts.py"
STORAGE = "https://cloud.google.com/storage/pricing-examples"
VM = "https://cloud.google.com/compute/vm-instance-pricing"
SPOT = "https://docs.cloud.google.com/compute/docs/instances/create-use-spot"
READ = "2026-11-24"


def _price(value: float, unit: str, source: str, read: str) -> Any:
    return field(default=value, metadata={"unit": unit, "source": source, "read": read})


@dataclass(frozen=True)
class Prices:
    """US dollars a unit; `price_notes` tells the unit, the source and when and how it was read."""

    dataflow_vcpu_hour: float = _price(0.056, "vCPU-hour, batch", DATAFLOW, f"{READ}, {DATAFLOW_READ}")
    dataflow_memory_gb_hour: float = _price(0.003557, "GB-hour of memory, batch", DATAFLOW, f"{READ}, as above")
    dataflow_disk_gb_hour: float = _price(0.000054, "GB-hour of worker disk", DATAFLOW, f"{READ}, as above")
    flink_vm_hour: float = _price(
        0.134, "hour of e2-standard-4 (4 vCPU, 16 GB)", VM, "assumption: the page's table was not readable here"
    )
    flink_spot_vm_hour: float = _price(
        0.0536, "hour of the same, spot", SPOT, "assumption: 60 % off; the page says up to 91 %, and it moves"
    )
    storage_gb_month: float = _price(0.020, "GB-month of standard storage, one region", STORAGE, READ)
    egress_gb: float = _price(0.12, "GB out to the internet, first tier", STORAGE, READ)


def price_notes(prices: Prices) -> list[tuple[str, float, str, str, str]]:
    """Name, dollars, unit, source and reading of every price; one that was changed is "yours"."""
    notes = []
    for known in fields(Prices):
        value, about = getattr(prices, known.name), known.metadata
        as_listed = value == known.default
        source, read = (about["source"], about["read"]) if as_listed else ("yours", "")
        notes.append((known.name, value, about["unit"], source, read))
    return notes
