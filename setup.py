"""Maps the checkout's rooms onto the `medvision` package; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

ROOMS = ("pipelines", "transforms", "schemas", "runners", "sources")
FOUND = find_packages(include=[f"{room}*" for room in ROOMS], exclude=["pipelines.api"])

setup(
    packages=["medvision", *(f"medvision.{name}" for name in FOUND)],
    package_dir={"medvision": "pipelines/api", **{f"medvision.{room}": room for room in ROOMS}},
)
