"""Put readers beside the checkout that its environment cannot hold: `python readers/fetch.py FOLDER [NAME ...]`.

    FOLDER/datasets-3.6.0    the version of `datasets` that users of the first release pin
    FOLDER/medvision_bm      upstream's benchmark, without what it depends on
    FOLDER/torch             PyTorch and the image processors of vision-language models, of some gigabytes

Each is a folder for PYTHONPATH with all that the reader needs, as `<name>.lock` here pins it. What stands already by
the same lock is left alone. What cannot be had leaves FOLDER/<name>.missing with the reason, which the tests then skip
with; nothing here fails.
"""

import shutil
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).resolve().parent
NAMES = tuple(sorted(path.stem for path in LOCKS.glob("*.lock")))
SECONDS = 900
GB = {"torch": 12}
"""Free disk that a reader needs, while it is unpacked too."""


class Missing(Exception):
    """A reader cannot be had here."""


def fetch(name: str, folder: Path) -> str:
    """Install one reader unless it stands; returns why it cannot be had, "" where it can."""
    lock = (LOCKS / f"{name}.lock").read_text()
    stamp, note, part = folder / f"{name}.lock", folder / f"{name}.missing", folder / f".{name}"
    if stamp.exists() and stamp.read_text() == lock:
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (part, folder / name):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        free = shutil.disk_usage(folder).free / 1e9
        if free < GB.get(name, 1):
            raise Missing(f"{free:.1f} GB are free, and it needs {GB.get(name, 1)} GB")
        _install(LOCKS / f"{name}.lock", part)
        part.replace(folder / name)
        stamp.write_text(lock)
        note.unlink(missing_ok=True)
        return ""
    except (Missing, OSError) as error:
        note.write_text(f"{name}: {error}\n")
        return str(error)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _install(lock: Path, target: Path) -> None:
    """By pip of this interpreter, or of the one that its environment was made from."""
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--no-compile", "--disable-pip-version-check"]
    pythons = [sys.executable, *map(str, sorted(Path(sys.base_prefix).glob("bin/python3")))]
    told = ""
    for python in pythons:
        command = [python, "-m", "pip", "install", *options, "--target", str(target), "-r", str(lock)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Missing(f"pip took more than {SECONDS} s") from error
        if done.returncode == 0:
            return
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        told = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "no word")
        if "No module named pip" not in told:
            break
    raise Missing(f"pip failed: {told[:400]}")


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    for name in sys.argv[2:] or NAMES:
        sys.stdout.write(f"{name}: {fetch(name, folder) or 'ready'}\n")


if __name__ == "__main__":
    main()
