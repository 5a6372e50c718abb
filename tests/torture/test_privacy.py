"""Secrets in the raw data come out nowhere; and the search for them finds what does."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from torture import privacy
from torture.canaries import Canaries

pytestmark = pytest.mark.heavy


def test_no_secret_comes_out(tmp_path: Path) -> None:
    section = privacy.search(tmp_path, ("KiTS23", "ToothFairy2"), ("csv", "dicom-sr"))
    assert section.failures == []
    assert int(section.rows[-1][1]) > 1000
    assert section.rows[-1][2] == 0


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    canaries = Canaries()
    places = ["plain", "upper case", "wide letters", "packed", "nested in a table", "a column's metadata"]
    texts = {place: canaries.hide(place) for place in places}
    (tmp_path / "a.txt").write_text(f"so {texts['plain']} it {texts['upper case'].upper()} is")
    (tmp_path / "b.bin").write_bytes(texts["wide letters"].encode("utf-16-le"))
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(texts["packed"].encode()))
    table = pa.table({"rows": [[{"name": texts["nested in a table"]}]] * 3})
    table = table.replace_schema_metadata({"note": texts["a column's metadata"]})
    pq.write_table(table, tmp_path / "d.parquet", compression="zstd")
    found = {place for _, content in privacy.contents(tmp_path) for place in canaries.found_in(content)}
    assert found == set(places)
