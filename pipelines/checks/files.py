"""Checks on whole files: listed, present, of the right size, hash, schema and number of rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import pyarrow as pa

from medvision.pipelines.checks.findings import READ_FAULTS, Findings
from medvision.pipelines.release import Release
from medvision.schemas.faults import DEAD_LETTER_SCHEMA
from medvision.schemas.pairs import PAIR_SCHEMAS, kind_of_config
from medvision.schemas.plans import PLANS
from medvision.schemas.record import FILE_SCHEMA, FILES_TABLE, MANIFEST, SOURCE_SCHEMA, SOURCES_TABLE, PublishedFile
from medvision.schemas.rows import ANNOTATION_SCHEMA, DATA_SCHEMA
from medvision.schemas.volumes import VOLUME_SCHEMA
from medvision.transforms.walk import find_files

READERS = 8
"""Files hashed at once: hashing frees the interpreter, and a remote store answers many requests at a time."""
OWN_FOLDERS = ("report",)
"""What commands put into a release without listing it."""
TABLE_SCHEMAS = {FILES_TABLE: FILE_SCHEMA, SOURCES_TABLE: SOURCE_SCHEMA}
KIND_SCHEMAS = {
    "data": DATA_SCHEMA,
    "annotations": ANNOTATION_SCHEMA,
    "volumes": VOLUME_SCHEMA,
    "dead_letters": DEAD_LETTER_SCHEMA,
}


def check_tables(release: Release, findings: Findings) -> None:
    """The two tables are those that the manifest names, and the release says that it is complete."""
    unbuilt = release.manifest.get("unbuilt", [])
    findings.same("complete", "manifest", release.manifest.get("complete"), True)
    findings.same("complete", "unbuilt cases", unbuilt, [])
    tables = release.manifest.get("tables", {})
    for name, schema in TABLE_SCHEMAS.items():
        with findings.guard("tables", name):
            stated = tables[name]
            findings.same("tables", f"{name} bytes", release.fs.size(release.locate(name)), stated["bytes"])
            findings.same("tables", f"{name} sha256", sha256_of(release, name), stated["sha256"])
            table = release.parquet(name)
            findings.same("tables", f"{name} rows", table.metadata.num_rows, stated["rows"])
            _check_schema(findings, "tables", name, table.schema_arrow, schema)


def check_documents(release: Release, findings: Findings) -> None:
    """The card and the Croissant description are those that the manifest names."""
    for name, stated in sorted(release.manifest.get("documents", {}).items()):
        with findings.guard("documents", name):
            findings.same("documents", f"{name} bytes", release.fs.size(release.locate(name)), stated["bytes"])
            findings.same("documents", f"{name} sha256", sha256_of(release, name), stated["sha256"])


def check_present(release: Release, findings: Findings) -> None:
    """Every listed file is there with its size, once; no other file lies beside the listed ones."""
    files = release.files()
    folders = sorted({file.path.split("/")[0] for file in files if "/" in file.path})
    found: dict[str, int] = {}
    for folder in folders:
        with findings.guard("files_present", folder):
            for path, info in find_files(release.fs, release.locate(folder)):
                found[path.removeprefix(f"{release.root}/")] = info["size"]
    listed = Counter(file.path for file in files)
    for path in sorted(path for path, times in listed.items() if times > 1):
        findings.fail("files_present", f"{path} is listed more than once")
    for file in files:
        findings.count("files_present")
        with findings.guard("files_present", file.path):
            size = found[file.path] if file.path in found else release.fs.size(release.locate(file.path))
            if size != file.bytes:
                findings.fail("files_present", f"{file.path}: {size} bytes, expected {file.bytes}")
    strays = sorted({*found, *_at_the_root(release, set(folders))} - set(listed))
    findings.count("no_unlisted_files", len(found))
    if strays:
        findings.fail_many("no_unlisted_files", len(strays), strays)


def _at_the_root(release: Release, folders: set[str]) -> set[str]:
    """Names at the root that no release has. Hidden ones are let be (the store, what git and the hub put there)."""
    known = {MANIFEST, *TABLE_SCHEMAS, *release.manifest.get("documents", {}), *folders, *OWN_FOLDERS}
    names = {str(path).rstrip("/").rsplit("/", 1)[-1] for path in release.fs.ls(release.root, detail=False)}
    return {name for name in names - known if not name.startswith(".")}


def check_sha256(release: Release, findings: Findings) -> None:
    """Every file has the bytes that `files.parquet` says."""

    def problem(file: PublishedFile) -> str:
        try:
            digest = sha256_of(release, file.path)
        except READ_FAULTS as error:
            return f"{file.path}: {type(error).__name__}: {error}"
        return "" if digest == file.sha256 else f"{file.path}: {digest}, expected {file.sha256}"

    with ThreadPoolExecutor(READERS) as pool:
        for text in pool.map(problem, release.files()):
            findings.count("sha256")
            if text:
                findings.fail("sha256", text)


def check_footers(release: Release, findings: Findings) -> set[str]:
    """Every Parquet file has its kind's schema and its listed rows. Returns the paths fit to read."""
    sound = set()
    for file in release.files():
        if file.kind in ("webdataset", PLANS):
            sound.add(file.path)
            continue
        with findings.guard("schemas", file.path):
            with release.parquet(file.path) as table:
                schema, rows = table.schema_arrow, table.metadata.num_rows
            findings.same("row_counts", file.path, rows, file.rows)
            if _check_schema(findings, "schemas", file.path, schema, expected_schema(file)):
                sound.add(file.path)
    return sound


def expected_schema(file: PublishedFile) -> pa.Schema:
    """The schema of the file's kind. Raises KeyError for a kind or pairs config that no release has."""
    if file.kind != "pairs":
        return KIND_SCHEMAS[file.kind]
    return PAIR_SCHEMAS[pair_kind(file.path)]


def pair_kind(path: str) -> str:
    """Annotation kind of `pairs/<config>/...`. Raises KeyError when the config names none."""
    return kind_of_config(PurePosixPath(path).parent.name)


def sha256_of(release: Release, path: str) -> str:
    """SHA-256 of a file of the release, hexadecimal, read in blocks."""
    with release.open(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_schema(findings: Findings, check: str, path: str, found: pa.Schema, expected: pa.Schema) -> bool:
    findings.count(check)
    if found.equals(expected):
        return True
    wrong = sorted({field.name for field in set(expected) ^ set(found)})
    findings.fail(check, f"{path}: {f'columns {wrong}' if wrong else 'the order of columns'} differ from the schema")
    return False
