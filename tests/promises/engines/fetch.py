"""Put real engines beside the checkout, for the tests that need them: `... engines/fetch.py FOLDER [NAME ...]`.

    FOLDER/flink             Flink, from PyPI
    FOLDER/beam-flink        Beam's Flink runner and what it needs, from Maven Central, with a job-server.jar over them
    FOLDER/bin/prism         Beam's Prism, built from its Go module
    FOLDER/chromium          Chromium, from npm, where the machine has none

What stands already is left alone. What cannot be had leaves FOLDER/<name>.missing with the reason, which the tests
then skip with; nothing here fails.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

FLINK = "1.19.3"
RUNNER = "org.apache.beam:beam-runners-flink-1.19", "2.62.0"
"""The newest Flink runner of which Maven Central's mirrors were found to have every part. Its job server as one jar,
beam-runners-flink-*-job-server, was found nowhere, in no version: job_server() puts one together."""
MAIN_CLASS = "org.apache.beam.runners.flink.FlinkJobServerDriver"
PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism"
CHROMIUM = "@sparticuz/chromium@147.0.0"
"""The newest that Node 20 runs; its one file is Chromium itself, compressed."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
UNPACK = "import(process.argv[1]).then((module) => module.default.executablePath())"
SECONDS = 900
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>medvision</groupId><artifactId>engines</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""
LINE_BYTES = 70
"""Most that a line of a jar's manifest may hold, continued by a blank on the next."""


class Missing(Exception):
    """An engine cannot be had; the text says why."""


def fetch_flink(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _run([*command, "--target", str(folder / "part"), f"apache-flink-libraries=={FLINK}"])
    (folder / "part/pyflink").replace(folder / "flink")


def fetch_runner(folder: Path) -> None:
    (coordinate, release), parts = RUNNER, folder / "part"
    group, artifact = coordinate.split(":")
    parts.mkdir()
    (parts / "pom.xml").write_text(POM.format(group=group, artifact=artifact, version=release))
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={parts / 'lib'}", "-DincludeScope=runtime"]
    _run(["mvn", "--batch-mode", "--quiet", "--file", str(parts / "pom.xml"), *goal])
    jars = sorted((parts / "lib").glob("*.jar"))
    if not jars:
        raise Missing("`mvn` put no jar where it was told to")
    job_server(parts / "job-server.jar", jars)
    parts.replace(folder / "beam-flink")


def fetch_prism(folder: Path) -> None:
    goal = ["env", f"GOBIN={folder / 'part'}", "go", "install", f"{PRISM}@v{version('apache-beam')}"]
    _run(goal)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "part/prism").replace(folder / "bin/prism")


def fetch_chromium(folder: Path) -> None:
    if os.environ.get("CHROMIUM") or any(map(shutil.which, BROWSERS)):
        return
    part, place = folder / "part", folder / "chromium"
    part.mkdir()
    place.mkdir()
    _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(part), CHROMIUM])
    module = part / "node_modules/@sparticuz/chromium/build/esm/index.js"
    _run(["env", f"TMPDIR={place}", "node", "--eval", UNPACK, module.as_uri()])
    _run([str(place / "chromium"), "--version"])  # it needs libraries that a bare machine lacks


def job_server(jar: Path, parts: list[Path]) -> None:
    """A jar of nothing but a manifest: which class to start, and where its parts are."""
    rest = "Class-Path: " + " ".join(f"{part.parent.name}/{part.name}" for part in parts)
    lines = [rest[:LINE_BYTES]]
    for start in range(LINE_BYTES, len(rest), LINE_BYTES - 1):
        lines.append(f" {rest[start : start + LINE_BYTES - 1]}")
    manifest = "\r\n".join(["Manifest-Version: 1.0", f"Main-Class: {MAIN_CLASS}", *lines, "", ""])
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest)


ENGINES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "flink": ("flink", fetch_flink),
    "beam-flink": ("beam-flink/job-server.jar", fetch_runner),
    "prism": ("bin/prism", fetch_prism),
    "chromium": ("chromium/chromium", fetch_chromium),
}
"""Name: what stands below the folder once it was fetched, and how it is."""


def fetch(name: str, folder: Path) -> str:
    """Fetch one engine unless it stands; returns why it cannot be had, "" where it can."""
    stands, get = ENGINES[name]
    note = folder / f"{name}.missing"
    if (folder / stands).exists():
        return ""
    place = folder / f".{name}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        get(place)
        for made in place.iterdir():
            if made.name != "part":
                _move(made, folder / made.name)
        note.unlink(missing_ok=True)
        return ""
    except (Missing, OSError) as error:
        note.write_text(f"{name}: {error}\n")
        return str(error)
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(place)], check=False)
        shutil.rmtree(place, ignore_errors=True)


def _move(made: Path, target: Path) -> None:
    if target.is_dir():
        for item in made.iterdir():
            item.replace(target / item.name)
    else:
        made.replace(target)


def _run(command: list[str]) -> None:
    tool = next(part for part in command[1 if command[0] == "env" else 0 :] if "=" not in part)
    if shutil.which(tool) is None:
        raise Missing(f"no `{tool}` on PATH")
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"`{tool}` took more than {SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        lines = [line.strip() for line in (error.stderr + error.stdout).splitlines() if line.strip()]
        told = next((line for line in lines if "ERROR" in line or "error" in line), lines[-1] if lines else "no word")
        raise Missing(f"`{tool}` failed: {told[:400]}") from error


def main() -> None:
    folder = Path(sys.argv[1]).resolve()  # Go takes no relative one, Maven takes it from its own
    names = sys.argv[2:] or list(ENGINES)
    with ThreadPoolExecutor(len(names)) as pool:
        for name, why in zip(names, pool.map(lambda name: fetch(name, folder), names), strict=True):
            sys.stdout.write(f"{name}: {why or 'ready'}\n")


if __name__ == "__main__":
    main()
