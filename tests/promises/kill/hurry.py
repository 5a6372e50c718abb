"""Waits of the retries cut to a hundredth, and parts of uploads to the least that the service takes."""

import asyncio
from types import SimpleNamespace


def hurry() -> None:
    """Only in this process, whose GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT must be false: the first import looks at it."""
    import gcsfs.retry

    from medvision.transforms import retries, upload

    gcsfs.retry.asyncio = SimpleNamespace(sleep=lambda seconds: asyncio.sleep(seconds / 100))
    retries.PATIENCE_SECONDS, retries.FIRST_WAIT_SECONDS = 1.0, 0.01
    upload.PART_BYTES = 1 << 18
