"""Entry of a worker process on one machine: Beam's own, with one numeric thread and a silent log.

Beam hands a worker's log records to the parent process. The first warning of a library would also give the worker a
handler of its own, which then prints all of Beam's log.
"""

import logging
import sys

from medvision.transforms.threads import limit_threads

INTERRUPTED = 130
"""Exit code, by the custom of shells."""


def main() -> None:
    """Serve bundles until the parent says stop, or Ctrl-C, which reaches the parent too: it alone speaks of that."""
    limit_threads()  # before numpy is imported: its BLAS starts its threads then
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        from apache_beam.runners.worker import sdk_worker_main

        sdk_worker_main.main(sys.argv)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
