"""Arms a kill or a poisoned case in every Python process that has this folder on PYTHONPATH.

MEDVISION_TEST_KILL names a stage of kill_points; MEDVISION_TEST_POISON cases that end their worker, and how;
MEDVISION_TEST_HURRY shortens waits.
"""

import os

if os.environ.get("MEDVISION_TEST_HURRY"):
    import hurry

    hurry.hurry()

if os.environ.get("MEDVISION_TEST_KILL") or os.environ.get("MEDVISION_TEST_POISON"):
    import kill_points

    if stage := os.environ.get("MEDVISION_TEST_KILL"):
        kill_points.arm(stage)
    if case_id := os.environ.get("MEDVISION_TEST_POISON"):
        kill_points.poison(case_id)
