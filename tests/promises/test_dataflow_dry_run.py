"""The same pipeline translates for Dataflow: a dry run, without a network or an account."""

from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from medvision.pipelines.build import build_release
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS

STEPS = (
    "Match cases",
    "Assign splits",
    "Plan shards",
    "Spread shards",
    "Build shards",
    "Build shards/Build",
    "Publish",
    "Publish/Write pairs",
    "Publish/Write manifest",
)


def test_dry_run_names_our_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(
        "apache_beam.runners.dataflow.internal.apiclient",
        reason="Dataflow needs the gcp extra: pip install 'medvision-pipelines[gcp]'",
        exc_type=ImportError,
    )
    from apache_beam.internal.gcp import auth

    monkeypatch.setattr(auth._Credentials, "_credentials_init", True)  # else half a minute of look-ups
    beam_options = PipelineOptions(
        [
            "--runner=DataflowRunner",
            "--dry_run=True",
            "--project=dry-run",
            "--region=europe-west1",
            "--temp_location=gs://dry-run/temp",
            "--staging_location=gs://dry-run/staging",
            "--sdk_location=container",
            "--sdk_container_image=example.org/medvision:dry-run",
        ]
    )
    options = BuildOptions(raw="gs://dry-run/raw", out="gs://dry-run/out", datasets=tuple(DATASETS))
    pipeline = beam.Pipeline(options=beam_options)
    build_release(pipeline, tuple(DATASETS.values()), options)
    proto = pipeline.run().job.proto_pipeline
    names = {transform.unique_name for transform in proto.components.transforms.values()}
    assert set(STEPS) <= names
    images = {environment.payload for environment in proto.components.environments.values()}
    assert any(b"example.org/medvision:dry-run" in payload for payload in images)
