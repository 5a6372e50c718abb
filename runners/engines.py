"""The engines that a build can run on, by name."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from medvision.runners.dataflow import launch_dataflow
from medvision.runners.direct import launch_direct
from medvision.runners.flink import launch_flink
from medvision.runners.launch import Job, Launch
from medvision.runners.prism import launch_prism

ENGINES: dict[str, Callable[[Job], AbstractContextManager[Launch]]] = {
    "direct": launch_direct,
    "prism": launch_prism,
    "flink": launch_flink,
    "dataflow": launch_dataflow,
}
