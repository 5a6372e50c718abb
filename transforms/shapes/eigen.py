"""Eigenvalues and eigenvectors of symmetric matrices of 2 or 3 rows, the same bits on every CPU (LAPACK's differ)."""

from __future__ import annotations

import math
from collections.abc import Sequence

EQUAL = 1e-9  # relative: closer eigenvalues are one, and their axes keep the order of the coordinates
Vector = tuple[float, ...]
Matrix = Sequence[Sequence[float]]


def eigen_axes(matrix: Matrix) -> tuple[Vector, tuple[Vector, ...]]:
    """Eigenvalues of a covariance, falling and not below 0, and their unit vectors.

    The first component of a vector that is not negligible (1e-9) is positive.

    Args:
        matrix: Symmetric, 2 x 2 (closed form) or 3 x 3 (cyclic Jacobi rotations).
    """
    values, vectors = _two(matrix) if len(matrix) == 2 else _jacobi(matrix)
    largest = max(map(abs, values)) or 1.0
    order = sorted(range(len(values)), key=lambda k: -round(values[k] / largest / EQUAL))  # stable
    falling = sorted([max(value, 0.0) for value in values], reverse=True)
    return tuple(falling), tuple(_upright(vectors[k]) for k in order)


def _two(matrix: Matrix) -> tuple[list[float], list[Vector]]:
    (a, b), (_, c) = matrix
    half = (a - c) / 2
    radius = math.sqrt(half * half + b * b)
    mean = (a + c) / 2
    if radius <= EQUAL * mean:
        return [a, c], [(1.0, 0.0), (0.0, 1.0)]
    # Half the angle of (half, b), by whichever formula does not cancel.
    if half >= 0:
        cosine = math.sqrt((1 + half / radius) / 2)
        sine = b / radius / (2 * cosine)
    else:
        sine = math.sqrt((1 - half / radius) / 2)
        cosine = b / radius / (2 * sine)
    larger = mean + radius
    return [larger, (a * c - b * b) / larger], [(cosine, sine), (-sine, cosine)]


def _jacobi(matrix: Matrix) -> tuple[list[float], list[Vector]]:
    """Golub and Van Loan, Matrix Computations, 8.5: rotate the off-diagonal entries to nothing."""
    size = len(matrix)
    a = [[float(value) for value in row] for row in matrix]
    v = [[float(i == j) for j in range(size)] for i in range(size)]
    trace = sum(abs(a[i][i]) for i in range(size))
    for _ in range(50):
        if sum(abs(a[p][q]) for p in range(size) for q in range(p)) <= 1e-18 * trace:
            break
        for p in range(size - 1):
            for q in range(p + 1, size):
                if a[p][q] != 0.0:
                    _rotate(a, v, p, q)
    return [a[i][i] for i in range(size)], [tuple(v[k][i] for k in range(size)) for i in range(size)]


def _rotate(a: list[list[float]], v: list[list[float]], p: int, q: int) -> None:
    tau = (a[q][q] - a[p][p]) / (2 * a[p][q])
    tangent = (1.0 if tau >= 0 else -1.0) / (abs(tau) + math.sqrt(1 + tau * tau))
    cosine = 1 / math.sqrt(1 + tangent * tangent)
    sine = tangent * cosine
    for row in (*a, *v):  # the columns p and q
        row[p], row[q] = cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]
    for k in range(len(a)):  # the rows p and q
        a[p][k], a[q][k] = cosine * a[p][k] - sine * a[q][k], sine * a[p][k] + cosine * a[q][k]
    a[p][q] = a[q][p] = 0.0


def _upright(vector: Vector) -> Vector:
    lead = next((component for component in vector if abs(component) > EQUAL), 1.0)
    return tuple((component if lead > 0 else -component) + 0.0 for component in vector)  # + 0.0: no -0.0
