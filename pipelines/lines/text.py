"""Numbers, points and sections as text."""

from __future__ import annotations

from collections.abc import Sequence


def section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)]


def times(numbers: Sequence[int]) -> str:
    return " x ".join(str(number) for number in numbers)


def mm(numbers: Sequence[float], between: str = " x ") -> str:
    return between.join(f"{number:.6g}" for number in numbers) + " mm"


def point(numbers: Sequence[float]) -> str:
    return f"({', '.join(f'{number:.6g}' for number in numbers)})"


def affine_lines(title: str, affine: Sequence[float]) -> list[str]:
    """A 4 x 4 affine, a row a line, the first after its title."""
    return [
        f"{'' if i else title:<13}" + " ".join(f"{value:>11.6g}" for value in affine[i : i + 4])
        for i in range(0, 16, 4)
    ]


def measured(key: str, name: str, value: float, unit: str) -> str:
    label = f"{key} {name}" if name not in ("", key) else key
    return f"{label}: {value:.6g} {unit}".rstrip()
