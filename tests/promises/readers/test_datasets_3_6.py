"""The version of `datasets` that users of the first release pin loads every config of the card, streaming and not."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from miniature import write_miniature
from reader_places import read_with

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

pytestmark = pytest.mark.heavy


def test_every_config_loads(tmp_path: Path) -> None:
    write_miniature(tmp_path / "raw", ["ACDC", "KiTS23"], cases=2)
    out = tmp_path / "release"
    planes = ("coronal", "axial")
    run_build(BuildOptions(str(tmp_path / "raw"), str(out), ("ACDC", "KiTS23"), planes=planes))
    found = read_with("datasets-3.6.0", "card_by_datasets.py", out, tmp_path / "cache", alone=True)
    assert found["version"] == "3.6.0"
    front = yaml.safe_load((out / "README.md").read_text().split("---\n", 2)[1])
    assert set(found["configs"]) == {config["config_name"] for config in front["configs"]}
    assert {"ACDC", "ACDC_axial", "ACDC_annotations", "KiTS23_TumorLesionSize_Task01_Axial_Train"} <= set(
        found["configs"]
    )
    for config in front["configs"]:
        loaded = found["configs"][config["config_name"]]
        assert set(loaded) == {split["split"] for split in config["data_files"]}
        for split in config["data_files"]:
            table = pq.read_table(sorted(out.glob(split["path"])))
            rows = table.to_pylist()
            for column, _, value in config.get("filters", ()):
                rows = [row for row in rows if row[column] == value]
            told = loaded[split["split"]]
            assert (told["rows"], told["streamed"]) == (len(rows), len(rows))
            assert told["columns"] == table.column_names
            assert told["segments"] == rows[0].get("segments")
            sizes = [[row["width"], row["height"]] for row in rows] if "image" in table.column_names else None
            assert told["sizes"] == sizes
