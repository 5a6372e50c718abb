"""The Flex Template: its parameters are those of the entry, and the entry run as the launcher does writes the job."""

import json
import logging
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from promises import gcs
from promises.dataflow import IMAGE, OUT, comparable, launch

from medvision.pipelines import flex
from medvision.runners.launch import unknown_beam_args
from medvision.schemas.dataset import PLANES
from medvision.schemas.options import FORMATS, IMAGES
from medvision.schemas.rules import RULES
from medvision.sources.registry import DATASETS

ROOT = Path(__file__).parents[2]
METADATA = json.loads((ROOT / "runners/container/metadata.json").read_text())
PARAMETERS: dict[str, dict[str, Any]] = {parameter["name"]: parameter for parameter in METADATA["parameters"]}
KEYS = {"name", "label", "helpText", "isOptional", "regexes"}
"""Those of Google's schema of template metadata that are used here."""
FITS = {
    "datasets": ["all", ",".join(DATASETS), *DATASETS],
    "raw": ["gs://my-bucket", "gs://my-bucket/", "gs://my_bucket.example/raw/2024"],
    "out": ["gs://my-bucket/release", "gs://my-bucket/a/b c/"],
    "sdk_container_image": [IMAGE, "gcr.io/p/medvision", "localhost:5000/medvision:x", f"{IMAGE}@sha256:{'0' * 64}"],
    "rules": list(RULES),
    "planes": [*PLANES, ",".join(PLANES)],
    "formats": [*FORMATS, ",".join(FORMATS)],
    "images": list(IMAGES),
    "licenses": ["any", "commercial", "CC-BY-4.0", "CC-BY-4.0,CC-BY-SA-4.0"],
    "private": ["true", "false"],
    "limit": ["1", "250"],
    "splits_from": ["gs://my-bucket/plans"],
    "replace": ["true", "false"],
}
FITS_NOT = {
    "datasets": ["", "KiTS23 MSD", "KiTS23,", "--help"],
    "raw": ["", "raw", "/data/raw", "s3://bucket/raw", "gs://B/raw"],
    "out": ["", "release", "gs://my-bucket", "gs://my-bucket/"],
    "sdk_container_image": ["", "medvision", "https://gcr.io/p/medvision", f"{IMAGE}@sha256:12"],
    "rules": ["", "newest", "1.4"],
    "planes": ["", "oblique", "axial, coronal"],
    "formats": ["", "png", "parquet,"],
    "images": ["", "png", "png16,png8"],
    "licenses": ["", "CC-BY-4.0, CC-BY-SA-4.0", "CC BY 4.0"],
    "private": ["", "yes", "True"],
    "limit": ["", "0", "-1", "all"],
    "splits_from": ["", "plans"],
    "replace": ["", "yes", "True"],
}


def test_metadata_keeps_to_the_schema() -> None:
    assert set(METADATA) == {"name", "description", "parameters"}
    for parameter in PARAMETERS.values():
        assert set(parameter) <= KEYS
        assert all(isinstance(parameter[key], str) and parameter[key] for key in ("name", "label", "helpText"))
        assert all(isinstance(regex, str) and re.compile(regex) for regex in parameter["regexes"])
        assert re.fullmatch("[a-z][a-z0-9_]*", parameter["name"])


def test_every_parameter_is_taken_and_every_taken_one_is_declared() -> None:
    taken = {action.dest for action in flex._parser()._actions} - {"help", "runner"}
    of_beam = set(PARAMETERS) - taken
    assert taken < set(PARAMETERS)
    assert unknown_beam_args([f"--{name}=x" for name in of_beam]) == []


def test_only_what_no_build_can_do_without_is_asked_for() -> None:
    needed = {name for name, parameter in PARAMETERS.items() if not parameter.get("isOptional")}
    assert needed == {"datasets", "raw", "out", "sdk_container_image"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_regexes_say_what_fits(name: str) -> None:
    regexes = PARAMETERS[name]["regexes"]
    fits = {value: all(re.search(regex, value) for regex in regexes) for value in [*FITS[name], *FITS_NOT[name]]}
    assert fits == {**dict.fromkeys(FITS[name], True), **dict.fromkeys(FITS_NOT[name], False)}


@pytest.mark.parametrize("name", sorted({*PARAMETERS} - {"sdk_container_image"}))
def test_what_fits_is_understood(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build's own parser takes each value; what it makes of a few is written out below."""
    from medvision.pipelines import main as command_line

    asked = []
    monkeypatch.setattr(flex, "medvision", lambda argv: asked.append(command_line.make_parser().parse_known_args(argv)))
    for value in FITS[name]:
        flex.main([f"--{key}={values[0]}" for key, values in FITS.items() if key != name] + [f"--{name}={value}"])
    assert len(asked) == len(FITS[name])
    assert all(rest == [f"--sdk_container_image={IMAGE}"] for _, rest in asked)


def test_parameters_become_a_build(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[list[str]] = []
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(flex, "medvision", lambda argv: asked.append(list(argv)) or 0)
    parameters = ["--datasets=KiTS23,MSD", "--raw=gs://b/raw", "--out=gs://b/out", "--replace=true", "--limit="]
    parameters += ["--splits_from=gs://b/plans", "--runner=DataflowRunner", "--project=p", "--news_of_the_service=1"]
    assert flex.main(parameters) == 0
    places = ["--raw=gs://b/raw", "--out=gs://b/out", "--splits-from=gs://b/plans"]
    assert asked == [["build", "KiTS23", "MSD", *places, "--replace", "--runner=dataflow", "--project=p"]]
    assert "--news_of_the_service=1" in caplog.text


@pytest.mark.slow
def test_the_launcher_gets_the_file_of_the_job(tmp_path: Path) -> None:
    """It runs the script that pip makes of the entry point, from a folder of its own."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["medvision-flex"].partition(":")
    script = tmp_path / "template/medvision_flex.py"
    script.parent.mkdir()
    script.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    passed = [
        "--runner=DataflowRunner",
        "--job_name=kidneys",
        '--labels={"goog-dataflow-provided-template-type": "flex"}',
        "--max_num_workers=8",
        "--machine_type=n2-standard-8",
        "--datasets=KiTS23,MSD",
        f"--raw=gs://{gcs.BUCKET}/raw",
        f"--out={OUT}",
        "--rules=1.3.0",
    ]
    launched = launch([sys.executable, str(script), *passed], tmp_path)
    job = comparable(launched.job)
    assert job["name"] == "kidneys"
    labels = {"goog-dataflow-provided-template-type": "flex", "medvision": "1_3_0", "datasets": "kits23_msd"}
    assert job["labels"] == labels
    (pool,) = job["environment"]["workerPools"]
    assert (pool["machineType"], pool["autoscalingSettings"]["maxNumWorkers"]) == ("n2-standard-8", 8)
    assert launched.written == []
    assert b"__main__" not in launched.pipeline.SerializeToString()
