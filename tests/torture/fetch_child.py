"""A fetch to be killed: `fetch_child.py ROOT URL SHA256`. Says "begin" before the first byte; ends with 0 when done."""

import sys
from pathlib import Path

from fetching import fetch

from medvision.pipelines.fetch.faults import Stopped
from medvision.schemas.origin import WebFile


def main() -> int:
    root, url, sha256 = sys.argv[1:]
    sys.stdout.write("begin\n")
    sys.stdout.flush()
    try:
        outcome = fetch(Path(root), WebFile(url, "data", name="archive.zip", sha256=sha256))
    except (KeyboardInterrupt, Stopped):
        return 130
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main())
