"""Columns of the tables that speak of a release as a whole, and the keys of its manifest."""

from __future__ import annotations

from medvision.schemas.definitions.definition import Definition, Fields

FILE: Fields = {
    "path": Definition("", "relative to the release"),
    "kind": Definition("", "first folder of the path: `data`, `annotations`, `volumes`, `pairs`, `webdataset`, ..."),
    "dataset": Definition("", "that it is of"),
    "bytes": Definition("bytes", "its size"),
    "rows": Definition("", "rows of a table, samples of a tar, cases of a plan; 0 for a landmark file of plans"),
    "sha256": Definition("", "of the file, hexadecimal"),
}

SOURCE: Fields = {
    "dataset": Definition("", "that the raw file is of"),
    "case_id": Definition("", "that it was read for"),
    "path": Definition("", "POSIX, relative to the dataset's folder"),
    "bytes": Definition("bytes", "its size"),
    "sha256": Definition("", "of the file, hexadecimal; empty where only the header was read"),
    "header_sha256": Definition("", "of the inflated header of a NIfTI image, in a release without images; else empty"),
}

LETTER: Fields = {
    "dataset": Definition("", "that the case is of"),
    "case_id": Definition("", "the case"),
    "task": Definition("", "the image that is left out, by its task; 0 where the whole case is"),
    "stage": Definition(
        "", "step that found it: `match`, `read`, `geometry`, `labels`, `landmarks`, `encode` or `build`"
    ),
    "reason": Definition("", "code: below"),
    "message": Definition("", "its text, filled in"),
    "path": Definition("", "file that is to blame, relative to the dataset's folder"),
}

MANIFEST_KEYS: Fields = {
    "format": Definition("", "`medvision-release`"),
    "schema_version": Definition("", "raised when a column is added, removed or changes meaning"),
    "algorithm_version": Definition("", "raised when the same raw file would give other bytes"),
    "complete": Definition("", "whether no case is unbuilt"),
    "unbuilt": Definition("", "cases given up because their worker died, as `<dataset>/<case>`"),
    "rules": Definition("", "name of the rules"),
    "switches": Definition("", "what of the options decides the bytes of slice rows"),
    "switches.planes": Definition("", "that slices were cut on"),
    "switches.formats": Definition("", "of the slices: `parquet`, `webdataset`"),
    "switches.images": Definition("", "`png16`, `png8` or `none`"),
    "switches.rules": Definition("", "the switches of the rules that slice rows show, by name: rules.md"),
    "annotations_only": Definition("", "datasets that a licence keeps without images, whatever `switches.images` says"),
    "plans": Definition("", "whether upstream's plan files are there"),
    "limit": Definition("", "cases of each dataset that were built at most; 0 for all"),
    "datasets": Definition("", "a summary of each dataset, by name"),
    "datasets.*.cases": Definition("", "number of cases with rows"),
    "datasets.*.slices": Definition("", "number of slice rows"),
    "datasets.*.boxes": Definition("", "number of 2D boxes"),
    "datasets.*.ellipses": Definition("", "number of measured lesion clusters"),
    "datasets.*.landmarks": Definition("", "number of landmarks on slice rows"),
    "datasets.*.shards": Definition("", "number of shards"),
    "datasets.*.bytes": Definition("bytes", "of its published files"),
    "datasets.*.pairs": Definition("", "number of pairs by annotation kind"),
    "datasets.*.dead_letters": Definition("", "number of dead letters by reason"),
    "tables": Definition("", "`files.parquet` and `sources.parquet`, by name"),
    "tables.*.bytes": Definition("bytes", "its size"),
    "tables.*.rows": Definition("", "its rows"),
    "tables.*.sha256": Definition("", "of the file, hexadecimal"),
    "documents": Definition("", "the card `README.md` and `croissant.json`, by name"),
    "documents.*.bytes": Definition("bytes", "its size"),
    "documents.*.sha256": Definition("", "of the file, hexadecimal"),
}
"""Keys of `manifest.json`; `*` stands for a name."""
