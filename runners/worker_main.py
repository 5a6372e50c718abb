"""Entry of a worker process on one machine: Beam's own, with one numeric thread and a silent log.

Beam hands a worker's log records to the parent process. The first warning of a library would also give the worker a
handler of its own, which then prints all of Beam's log.
"""

import logging
import os
import sys

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> None:
    """Serve bundles until the parent says stop."""
    for name in THREADS:
        os.environ.setdefault(name, "1")
    logging.getLogger().addHandler(logging.NullHandler())
    import cv2
    import pyarrow as pa
    from apache_beam.runners.worker import sdk_worker_main

    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
