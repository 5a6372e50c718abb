"""Readers by the ending of a path."""

import pytest

from medvision.schemas.faults import DataFault
from medvision.transforms.readers.registry import READERS, find_reader, is_nifti


@pytest.mark.parametrize("suffix", sorted(READERS))
@pytest.mark.parametrize("name", ["a/image", "A/IMAGE", "v1.2/scan.01"])
def test_a_reader_is_found_by_the_ending_in_any_letter_case(name: str, suffix: str) -> None:
    assert find_reader(name + suffix) is READERS[suffix]
    assert find_reader(name + suffix.upper()) is READERS[suffix]


def test_the_longest_ending_counts() -> None:
    assert find_reader("scan.nii.gz/") is READERS["/"]


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.b/scan.img", ".img"), ("x/nii", "nii"), ("s.nii.bz2", ".nii.bz2"), ("s.gz", ".gz")]
)
def test_a_file_of_no_known_ending_is_a_fault(name: str, suffix: str) -> None:
    with pytest.raises(DataFault, match=f"no reader for files ending in {suffix}") as caught:
        find_reader(name)
    assert (caught.value.reason, caught.value.path) == ("unsupported_format", name)


def test_of_nifti_the_header_can_be_read_alone() -> None:
    assert [is_nifti(name) for name in ("a.nii", "b.NII.GZ", "a.nii.bz2", "nii", "a.mha", "a.nii/")] == [True] * 2 + [
        False
    ] * 4
