"""Publishers' list files, which name the patients: read as the standard library reads them, or refused as a whole."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torture.mutants import any_bytes
from torture.mutants.attack import NAME, table, write_files
from torture.report import Section

from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.sources.oaizib import OAIZIB_CM
from medvision.sources.skmtea import SKM_TEA
from medvision.transforms.patients import ListFileError
from medvision.transforms.select import find_cases

CSV = b"CMT-ID,SubjectID,side\n1,9001104,R\n2,9001400,R\n3,9002116,R\n"
JSON = json.dumps(
    {
        "images": [
            {"scan_id": f"MTR_{n:03d}", "subject_id": n // 2, "orientation": ["SI", "AP", "LR"]} for n in (1, 2, 3)
        ]
    }
).encode()
Lists = tuple[str, Dataset, bytes, Callable[[bytes], dict[str, str]]]


def by_csv(content: bytes) -> dict[str, str]:
    header, *rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if row]
    number, subject = header.index("CMT-ID"), header.index("SubjectID")
    return {f"oaizib_{int(row[number]):03d}": row[subject].strip() for row in rows}


def by_json(content: bytes) -> dict[str, str]:
    return {image["scan_id"]: f"subject_{image['subject_id']}" for image in json.loads(content)["images"]}


def lists() -> list[Lists]:
    def of(source: Dataset, path: str, case: str) -> Dataset:
        made = table(f"{case}.image.nii", f"{case}.mask.nii", source.tasks[0].case)
        made = replace(made, patient=source.patient, patient_files=(path,), read_patients=source.read_patients)
        return replace(made, read_axes=source.read_axes)

    return [
        ("Lists of patients, CSV", of(OAIZIB_CM, "list.csv", "{case}"), CSV, by_csv),
        ("Lists of patients, JSON", of(SKM_TEA, "list.json", "{case}"), JSON, by_json),
    ]


def run(count: int, seed: int) -> Section:
    """Each mutant of a list through the matching of a build: its cases carry the patients that the list names."""
    section = Section(
        "Corrupt input: lists of patients",
        ("list", "mutants", "read equal", "refused as a whole", "crashed"),
        notes=["A damaged list ends a build before it starts, with a line that names it: patients decide the split."],
    )
    for name, dataset, sound, read in lists():
        ends: Counter[str] = Counter()
        for number in range(count):
            rng = np.random.default_rng([seed, number])
            content, what = (
                any_bytes.CHANGES[number % len(any_bytes.CHANGES)](sound, rng) if number else (sound, "none")
            )
            end, broken = _end(dataset, content, read)
            ends[end] += 1
            section.failures += [f"{name}: mutant {number}, {what}: {broken}"] if broken else []
        section.rows.append((name, count, ends["equal"], ends["refused"], ends["crashed"]))
        if not ((ends["equal"] and ends["refused"]) or count < 5):
            section.failures.append(f"{name}: {dict(ends)}: the mutants do not try both ends")
    return section


def _end(dataset: Dataset, content: bytes, read: Callable[[bytes], dict[str, str]]) -> tuple[str, str]:
    prefix = "oaizib" if dataset.patient_files[0].endswith("csv") else "MTR"
    files = {f"{prefix}_{n:03d}.{kind}.nii": b"" for n in (1, 2, 3) for kind in ("image", "mask")}
    with TemporaryDirectory(prefix="mutants-") as home:
        write_files(Path(home) / NAME, {**files, dataset.patient_files[0]: content})
        try:
            cases = find_cases(dataset, BuildOptions(home, f"{home}/out", (NAME,))).cases
        except ListFileError as error:
            return "refused", "" if dataset.patient_files[0] in str(error) else f"the list is not named: {error}"
        except Exception as error:  # noqa: BLE001 (whatever it is, it ends the build)
            return "crashed", f"{type(error).__name__}: {error}"
    try:
        expected = read(content)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, csv.Error) as error:
        return "wrong", f"read, and unreadable by the standard library: {error}"
    wrong = [case.case_id for case in cases if case.patient != expected.get(case.case_id, case.case_id)]
    return ("wrong", f"another patient of {wrong}") if wrong else ("equal", "")
