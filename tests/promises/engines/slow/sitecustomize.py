"""Where this folder is on PYTHONPATH, every shard takes MEDVISION_TEST_SLOW seconds longer.

A test that ends something in the middle of a build then finds its middle.
"""

import os

if pause := os.environ.get("MEDVISION_TEST_SLOW"):
    import time
    from typing import Any

    from medvision.pipelines import steps

    build_shard = steps.build_shard

    def slowly(*arguments: Any) -> Any:
        time.sleep(float(pause))
        return build_shard(*arguments)

    steps.build_shard = slowly
