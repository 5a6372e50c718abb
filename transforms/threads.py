"""One numeric thread a process: whoever wants more of a machine takes more processes."""

from __future__ import annotations

import os
import sys

VARIABLES = {
    "OMP_NUM_THREADS": "",
    "OPENBLAS_NUM_THREADS": "",
    "MKL_NUM_THREADS": "",
    "NUMBA_NUM_THREADS": "numba",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "",
}
"""What libraries read when they are loaded, and the module that refuses a change once it is."""


def limit_threads() -> None:
    """Hold this process's libraries to one thread each. Called where a process begins to build, by any runner.

    The limits stay: publishing keeps to them, too. A variable that the user has set is kept. Where numba is loaded
    already no thread of it runs beside: no kernel of this project is parallel.
    """
    for name, module in VARIABLES.items():
        if module not in sys.modules:
            os.environ.setdefault(name, "1")
    import cv2
    import pyarrow as pa

    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if "SimpleITK" in sys.modules:  # else it reads its variable once it is imported
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(1)
