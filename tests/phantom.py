"""Tiny volumes with known answers: solids on a lattice, images of them, and files as publishers store them."""

import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

Triple = tuple[float, float, float]
Index3 = tuple[int, int, int]

APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
MET_TYPES = {"int16": "MET_SHORT", "uint8": "MET_UCHAR", "float32": "MET_FLOAT"}


@dataclass(frozen=True)
class Solid:
    """One convex body of a label, in voxels of the RAS+ volume.

    Attributes:
        label: Its value in the mask.
        low, high: First and last voxel inside, on each axis.
        kind: "box"; "ellipsoid"; or "tube", an ellipse across the third axis.
        hollow: Whether another solid lies inside, so that only axial slices show its outline whole.
    """

    label: int
    low: Index3
    high: Index3
    kind: str = "ellipsoid"
    hollow: bool = False

    def mask(self, shape: Sequence[int]) -> np.ndarray:
        """Bool volume; whatever the kind, its extent on each axis is `low` to `high`."""
        sides = [self.size(axis) for axis in range(3)]
        half = (np.array(sides) - 1) / 2
        tall = 1e9 if self.kind == "tube" else half[2] + 0.25
        within = self.kind == "box" or ellipsoid(sides, half, (half[0] + 0.25, half[1] + 0.25, tall))
        inside = np.zeros(shape, bool)
        inside[tuple(slice(a, b + 1) for a, b in zip(self.low, self.high, strict=True))] = within
        return inside

    def middle(self, axis: int) -> int:
        return (self.low[axis] + self.high[axis]) // 2

    def size(self, axis: int) -> int:
        return self.high[axis] - self.low[axis] + 1


@dataclass(frozen=True)
class Look:
    """Intensities of an image: around the body, in it, noise, lowest value, and steps between labels."""

    air: float
    body: float
    noise: float
    floor: float
    step: float


CT = Look(-1000.0, 40.0, 12.0, -1024.0, 25.0)
MR = Look(0.0, 220.0, 15.0, 0.0, 45.0)
PET = Look(0.0, 1.0, 0.05, 0.0, 1.5)


@dataclass(frozen=True)
class Scan:
    """Geometry and content of one volume.

    Attributes:
        shape_ras: Voxels along R, A, S.
        spacing_mm: Voxel size, same order.
        solids: What the mask holds; a later one lies on top.
        axes: Axis codes of the stored array.
        centred: Whether the world's origin is the volume's middle, else its first stored voxel.
        tilt_deg: Turn of the affine about the S axis, for oblique scans.
    """

    shape_ras: Index3
    spacing_mm: Triple
    solids: tuple[Solid, ...] = field(default=(), repr=False)
    axes: str = "RAS"
    centred: bool = True
    tilt_deg: float = 0.0

    def step(self, index: int) -> "Scan":
        """The scan of the case with that index: the first three differ in shape."""
        x, y, z = self.shape_ras
        index %= 3
        return replace(self, shape_ras=(x + 2 * index, y + 3 * index, z + index))

    def filled(
        self, labels: Sequence[int], rng: np.random.Generator, lesions: Sequence[int] = (), layers: int = 1
    ) -> "Scan":
        return replace(self, solids=lattice(self.shape_ras, labels, rng, lesions, layers))

    @property
    def affine(self) -> np.ndarray:
        affine = stored_affine(self.axes, self.spacing_mm, self.shape_ras if self.centred else None)
        cos, sin = np.cos(np.radians(self.tilt_deg)), np.sin(np.radians(self.tilt_deg))
        turn = np.array([[cos, -sin, 0.0, 0.0], [sin, cos, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
        return turn @ affine if self.tilt_deg else affine

    def labels(self, dtype: str = "uint8") -> np.ndarray:
        """Multi-label mask in RAS+."""
        labels = np.zeros(self.shape_ras, dtype)
        for solid in self.solids:
            labels[solid.mask(self.shape_ras)] = solid.label
        return labels

    def image(self, rng: np.random.Generator, look: Look, dtype: str = "int16") -> np.ndarray:
        """Body, solids and noise in RAS+."""
        sides = np.array(self.shape_ras)
        body = ellipsoid(self.shape_ras, sides / 2, sides * (0.48, 0.48, 0.9))
        levels = np.where(body, look.body, look.air)
        labels = self.labels("uint16")
        levels = np.where(labels > 0, look.body + look.step * (2 + labels % 7), levels)
        image = np.maximum(gaussian_filter(levels, 0.6) + rng.normal(0.0, look.noise, self.shape_ras), look.floor)
        return (image if look is PET else np.rint(image)).astype(dtype)


def lattice(
    shape_ras: Index3, labels: Sequence[int], rng: np.random.Generator, lesions: Sequence[int] = (), layers: int = 1
) -> tuple[Solid, ...]:
    """One solid a label, each in a cell of its own; a lesion has a small second one in the same axial slices.

    Args:
        labels: Values in the order of the cells.
        lesions: Which of them are lesions: ellipsoids, never boxes.
        layers: Cells along the third axis.
    """
    if not labels:
        return ()
    items = [(label, False) for label in labels] + [(label, True) for label in labels if label in lesions]
    in_layer = -(-len(items) // layers)
    columns = int(np.ceil(np.sqrt(in_layer)))
    cells = np.array([columns, -(-in_layer // columns), layers])
    cell = np.array(shape_ras) // cells
    solids = []
    for rank, (label, small) in enumerate(items):
        place = np.array([rank % columns, rank // columns % cells[1], rank // (columns * cells[1])])
        low = cell * place + 1 + rng.integers(0, 2, 3)
        high = cell * (place + 1) - 2 - rng.integers(0, 2, 3)
        if small:
            middle = (low + high) // 2
            half = np.maximum((2, 2, 1), (high - low) // (6, 6, 4))
            low, high = middle - half, middle + half
        kind = "ellipsoid" if label in lesions or rank % 3 else "box"
        if kind == "ellipsoid":
            high -= (high - low) % 2  # a middle voxel, so that the tips are voxels too
        solids.append(Solid(label, tuple(low.tolist()), tuple(high.tolist()), kind))
    return tuple(solids)


def ellipsoid(shape: Sequence[int], center: ArrayLike, radii: ArrayLike, rotation_deg: ArrayLike = 0.0) -> np.ndarray:
    """Bool volume, true inside an ellipsoid.

    Args:
        shape: Sides in voxels.
        center: Voxel index of the centre, need not be whole.
        radii: Semi-axes in voxels.
        rotation_deg: Turn in degrees within the plane of axes 0 and 1, or three turns about axes 0, 1 and 2,
            applied in this order.
    """
    turns = np.radians(rotation_deg)
    turns = np.array([0.0, 0.0, turns]) if turns.ndim == 0 else turns
    rotation = np.eye(3)
    for axis, turn in enumerate(turns):
        step = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        step[[first, second], [first, second]] = np.cos(turn)
        step[first, second], step[second, first] = -np.sin(turn), np.sin(turn)
        rotation = step @ rotation
    offsets = np.indices(shape).reshape(3, -1) - np.reshape(center, (3, 1))
    scaled = (rotation.T @ offsets) / np.reshape(radii, (3, 1))
    return ((scaled**2).sum(axis=0) <= 1.0).reshape(shape)


def stored(array_ras: np.ndarray, axcodes: str) -> np.ndarray:
    """A RAS+ array (trailing axes allowed) in the voxel order of `axcodes`."""
    return apply_orientation(array_ras, ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axcodes)))


def stored_affine(axcodes: str, spacing_ras_mm: Triple, shape_ras: Sequence[int] | None = None) -> np.ndarray:
    """Affine of an array in the voxel order of `axcodes`; origin 0, or centred on a volume of `shape_ras`."""
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    for axis, (world, sign) in enumerate(axcodes2ornt(axcodes)):
        affine[int(world), axis] = sign * spacing_ras_mm[int(world)]
        if shape_ras is not None:
            affine[int(world), 3] = -sign * spacing_ras_mm[int(world)] * (shape_ras[int(world)] - 1) / 2
    return affine


def random_of(seed: int, name: str) -> np.random.Generator:
    """A generator of that name's own."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def write_bytes(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_nifti(
    path: Path,
    array: np.ndarray,
    affine: np.ndarray,
    sform_code: int = 2,
    qform_code: int = 0,
    zooms_mm: Sequence[float] | None = None,
) -> Path:
    """Write a NIfTI-1 file, gzipped when the name ends in `.gz`, without a clock or a name in its bytes.

    Args:
        path: Target; missing folders are made.
        array: (x, y, z) or (x, y, z, channel), in the data type to store.
        affine: (4, 4), voxel index to RAS+ mm.
        sform_code: Code of the sform, 0 for none.
        qform_code: Code of the qform, 0 for none.
        zooms_mm: Voxel sizes of the header where they are to differ from the affine's.
    """
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, sform_code)
    image.set_qform(affine, qform_code)
    if zooms_mm is not None:
        image.header.set_zooms((*zooms_mm, *(1.0,) * (array.ndim - 3)))
    content = image.to_bytes()
    if path.name.endswith(".gz"):
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as stream:
            stream.write(content)
        content = packed.getvalue()
    return write_bytes(path, content)


def write_mha(path: Path, array: np.ndarray, spacing_mm: Sequence[float], offset_mm: Sequence[float]) -> Path:
    """Write a MetaImage with its axes along Left, Posterior, Superior (identity direction), compressed."""
    voxels = zlib.compress(array.tobytes(order="F"), 6)
    fields = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": False,
        "CompressedData": True,
        "CompressedDataSize": len(voxels),
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": " ".join(map(str, offset_mm)),
        "CenterOfRotation": "0 0 0",
        "AnatomicalOrientation": "RAI",
        "ElementSpacing": " ".join(map(str, spacing_mm)),
        "DimSize": " ".join(map(str, array.shape)),
        "ElementType": MET_TYPES[array.dtype.name],
        "ElementDataFile": "LOCAL",
    }
    header = "".join(f"{key} = {value}\n" for key, value in fields.items())
    return write_bytes(path, header.encode() + voxels)


def write_h5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write an HDF5 file of gzipped arrays."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip", track_times=False)
    return path


def write_bmp(path: Path, gray: np.ndarray, colour: bool = False) -> Path:
    """Write a film (rows, columns) as 8-bit gray, or as 24-bit colour with equal channels."""
    from PIL import Image

    film, packed = Image.fromarray(gray), io.BytesIO()
    (film.convert("RGB") if colour else film).save(packed, format="BMP")
    return write_bytes(path, packed.getvalue())
