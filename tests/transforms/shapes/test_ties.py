"""Comparisons that last bits do not decide, against rounding every number."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from medvision.transforms.shapes.ties import is_less, lower_first

numbers = st.floats(-1e7, 1e7) | st.integers(-50, 50).map(float)
steps = st.sampled_from([0.0, 1e-13, 4e-10, 6e-10, 1e-9, 2e-9, 9.9e-9, 1.1e-8, 1e-6, 1.0]) | st.floats(0, 3e-8)
near = st.tuples(numbers, steps, st.sampled_from([1, -1])).map(lambda n: (n[0], n[0] + n[2] * n[1]))


@settings(max_examples=1000, deadline=None)
@given(near)
@example((0.5e-9, 1.5e-9))
def test_less_is_that_of_rounded_numbers(pair):
    a, b = pair
    assert is_less(a, b) is (round(a, 9) < round(b, 9))
    assert is_less(b, a) is (round(b, 9) < round(a, 9))


@settings(max_examples=1000, deadline=None)
@given(near, near)
def test_the_lower_point_is_that_of_rounded_points(rows, columns):
    first, second = (rows[0], columns[0]), (rows[1], columns[1])
    a, b = (tuple(round(value, 9) for value in point) for point in (first, second))
    assert lower_first(first, second) == ((first, second) if a >= b else (second, first))
