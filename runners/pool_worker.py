"""Entry of a worker process of a pool: `python -m medvision.runners.pool_worker CONTROL_ADDRESS WORKER_ID`."""

import logging
import os
import signal
import sys
import threading

from medvision.transforms.threads import limit_threads


def main() -> None:
    """Serve bundles until the engine hangs up, or the pool that started this process is gone."""
    control_address, worker_id = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, _end_when_asked)
    limit_threads()  # before numpy is imported: its BLAS starts its threads then
    logging.getLogger().addHandler(logging.NullHandler())
    from apache_beam.runners.worker.sdk_worker import SdkHarness

    SdkHarness(control_address, worker_id=worker_id).run()


def _end_when_asked(*_: object) -> None:
    """The pool ends this process since the engine let go of it: the case in hand is not to blame."""
    from medvision.transforms.notes import let_go

    let_go()
    os.kill(os.getpid(), signal.SIGKILL)


def _end_with_parent() -> None:
    """The pool never writes to this process: its input ends when the pool does."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
