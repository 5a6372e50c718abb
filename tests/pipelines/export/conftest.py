"""A release of DICOM series, built once for all tests that only read it."""

import pytest
from own_series import Own, build_own


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    """Not to be changed."""
    return build_own(tmp_path_factory.mktemp("own"))
