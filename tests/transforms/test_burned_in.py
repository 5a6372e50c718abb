"""Text that was drawn into pictures is seen, wherever and however it lies; what is no text is not taken for it."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from miniature import write_miniature
from PIL import Image, ImageDraw, ImageFont

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.volume import Volume
from medvision.transforms.burned_in import FLAG, has_text, looks_like_text
from medvision.transforms.geometry import RawVolume, to_ras

FONT = font_manager.findfont("DejaVu Sans")
TEXTS = ("DOE^JANE 1954-03-12", "St. Mary Hospital", "12.11.1987", "PATIENT 00417")


def film(text: str, size: int = 18, level: int = 255, seed: int = 0) -> np.ndarray:
    """A noisy picture (260, 330) with a soft bright body and, where given, a text."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:260, :330]
    body = 170 * np.exp(-(((rows - 150) / 70) ** 2 + ((columns - 140) / 90) ** 2))
    pixels = np.clip(20 + body + rng.normal(0, 6, body.shape), 0, 240).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if text:
        ImageDraw.Draw(picture).text((20, 12), text, fill=level, font=ImageFont.truetype(FONT, size))
    return np.asarray(picture)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [14, 18, 30])
def test_text_is_seen_in_any_orientation(text: str, size: int) -> None:
    pixels = film(text, size)
    for turned in (pixels, pixels.T, pixels[::-1], pixels[:, ::-1].T, pixels.astype(np.int16) * 16 - 1024):
        assert looks_like_text(turned)


@pytest.mark.parametrize("seed", range(20))
def test_a_film_without_text(seed: int) -> None:
    assert not looks_like_text(film("", seed=seed))
    assert not looks_like_text(film("L", size=30, seed=seed)), "a side marker is no text"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["normal", "uniform", "exponential"]))
def test_noise_is_no_text(seed: int, kind: str) -> None:
    noise = getattr(np.random.default_rng(seed), kind)(size=(97, 141))
    assert not looks_like_text(noise)


@pytest.mark.parametrize("pixels", [np.zeros((9, 9)), np.full((9, 9), np.nan), np.ones((1, 5)), np.eye(64)])
def test_pictures_with_nothing_on_them(pixels: np.ndarray) -> None:
    assert not looks_like_text(pixels)


def test_the_slices_of_the_device_are_looked_at() -> None:
    frames = np.stack([film("", seed=0), film(TEXTS[0], seed=1), film("", seed=2)], axis=-1)
    volume: Volume = to_ras(RawVolume(frames, np.diag([1.0, 2.0, 3.0, 1.0]), (1.0, 2.0, 3.0)))
    assert has_text(volume, 2)
    assert not has_text(to_ras(RawVolume(frames[:, :, ::2], np.eye(4), (1.0, 1.0, 1.0))), 2)


def test_a_film_with_text_is_flagged_by_a_build(tmp_path: Path) -> None:
    write_miniature(tmp_path / "raw", ["Ceph-Biometrics-400"], cases=2)
    path = sorted((tmp_path / "raw").rglob("001.bmp"))[0]
    picture = Image.open(path)
    ImageDraw.Draw(picture).text((8, 4), TEXTS[0], fill=255, font=ImageFont.truetype(FONT, 14))
    picture.save(path)
    out = tmp_path / "out"
    run_build(BuildOptions(str(tmp_path / "raw"), str(out), ("Ceph-Biometrics-400",), formats=("parquet",)))
    rows = pq.read_table(out / "annotations").to_pylist()
    assert {row["case_id"]: FLAG in row["flags"] for row in rows} == {"001": True, "151": False}
