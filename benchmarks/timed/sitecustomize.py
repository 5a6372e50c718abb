"""Where this folder is on PYTHONPATH, every process notes when each of its shards began and ended.

A worker process is Beam's to start: nothing else of it can be reached from outside.
"""

import os

if os.environ.get("MEDVISION_BENCH_TIMES"):
    import functools
    import time
    from pathlib import Path

    from medvision.transforms import shard as _shard

    _build = _shard.build_shard

    @functools.wraps(_build)
    def _timed(*arguments):  # type: ignore[no-untyped-def]
        if not arguments[2].out.startswith("/"):
            return _build(*arguments)  # the warm-up's
        start = time.time()
        try:
            return _build(*arguments)
        finally:
            with Path(os.environ["MEDVISION_BENCH_TIMES"]).open("a") as notes:
                notes.write(f"{os.getpid()} {start!r} {time.time()!r}\n")

    _shard.build_shard = _timed
