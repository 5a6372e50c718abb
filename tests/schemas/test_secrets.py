"""Passwords and signatures of URLs come neither into a build nor into a message."""

from pathlib import Path

import pytest

from medvision.pipelines.main import main
from medvision.schemas.failures import BuildFailed, StorageError
from medvision.schemas.options import BuildOptions
from medvision.schemas.secrets import check_no_secrets, without_secrets

SECRET = "s3cr3t"
SIGNED = f"https://host.example/raw/a.nii.gz?X-Amz-Signature={SECRET}&X-Amz-Date=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (SIGNED, "https://host.example/raw/a.nii.gz?[cut]"),
        (f"ftp://me:{SECRET}@host/raw", "ftp://[cut]@host/raw"),
        (
            f"403, url='{SIGNED}', and gs://bucket/a",
            "403, url='https://host.example/raw/a.nii.gz?[cut]', and gs://bucket/a",
        ),
        (f"simplecache::https://u:{SECRET}@h/a#{SECRET}", "simplecache::https://[cut]@h/a#[cut]"),
        ("/data/raw?/me@home", "/data/raw?/me@home"),
        ("gs://bucket/me@home/raw", "gs://bucket/me@home/raw"),
    ],
)
def test_messages(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize("url", [SIGNED, f"https://me:{SECRET}@host.example/raw", f"s3://key:{SECRET}@bucket/raw"])
@pytest.mark.parametrize("option", ["raw", "out", "splits_from"])
def test_a_build_does_not_take_them(option: str, url: str) -> None:
    options = {"raw": "raw", "out": "out", option: url}
    with pytest.raises(ValueError, match="holds a user, password or query") as caught:
        BuildOptions(**options, datasets=("MSD",))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("command", [["check"], ["validate"], ["report"], ["build", "MSD", "--out", "out", "--raw"]])
def test_no_command_shows_them(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, f"https://me:{SECRET}@127.0.0.1:9/raw?signature={SECRET}"]) == 2
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    assert "127.0.0.1" in told.err


def test_paths_and_plain_urls_are_fine(tmp_path: Path) -> None:
    for url in (str(tmp_path / "what?#@"), "gs://bucket/a@b", "https://host.example:80/raw/", "memory://raw"):
        check_no_secrets("--raw", url)


def test_errors_of_a_store_are_cut() -> None:
    error = OSError(f"403, message='Forbidden', url='{SIGNED}'")
    assert SECRET not in str(StorageError.because_of("read https://host.example/raw", error, False))
    assert SECRET not in str(BuildFailed.because(RuntimeError(f"StorageError: {SIGNED}")))
    assert "host.example" in str(BuildFailed.because(RuntimeError(f"StorageError: {SIGNED}")))
