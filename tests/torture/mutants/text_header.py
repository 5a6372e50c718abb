"""Damage to a text header in front of voxels: values, keys and lines that no writer means."""

from collections.abc import Callable, Sequence

from torture.mutants.attack import Rng

ODD_VALUES = (
    *(b"0", b"-1", b"1", b"2", b"nan", b"inf", b"-inf", b"1e400", b"1e-400", b"99999999999999999999", b"2147483648"),
    *(
        b"",
        b" ",
        b"true",
        b"False",
        b"x" * 300,
        b"9" * 5000,
        "é漢\u202e".encode(),
        b"\xff\xfe",
        b"0x10",
        b"1,5",
        b"3;4",
    ),
)
ODD_NUMBERS = (
    b"0",
    b"-1",
    b"nan",
    b"inf",
    b"1e30",
    b"1e-30",
    b"-2.5",
    b"65536",
    b"4294967296",
    b"0.0",
    b"24",
    b"9",
    b"x",
)
Change = Callable[[bytes, Rng], tuple[bytes, str]]


class TextHeader:
    """Ways to damage a header of `key<separator>value` lines that ends in the line of `last`, or an empty one."""

    def __init__(self, separator: bytes, last: bytes) -> None:
        self.separator, self.last = separator, last

    def parts(self, content: bytes) -> tuple[list[bytes], bytes]:
        """Lines of the header without their ends, the last one among them; and what follows."""
        lines, place = [], 0
        while True:
            end = content.index(b"\n", place)
            lines.append(content[place:end])
            place = end + 1
            if lines[-1].startswith(self.last) and (self.last or not lines[-1]):
                return lines, content[place:]

    def put(self, content: bytes, key: bytes, value: bytes) -> bytes:
        """Set a key's value, adding the line before the last where there is none."""
        lines, rest = self.parts(content)
        line = key + self.separator + value
        at = [n for n, old in enumerate(lines) if old.split(self.separator)[0].strip() == key]
        if at:
            lines[at[0]] = line
        else:
            lines.insert(len(lines) - 1, line)
        return b"\n".join([*lines, rest])

    def odd_value(self, content: bytes, rng: Rng) -> tuple[bytes, str]:
        lines, rest = self.parts(content)
        at = int(rng.integers(0, len(lines) - 1))
        key, separator, _ = lines[at].partition(self.separator)
        lines[at] = key + separator + ODD_VALUES[rng.integers(0, len(ODD_VALUES))]
        return b"\n".join([*lines, rest]), "odd header value"

    def odd_part(self, content: bytes, rng: Rng) -> tuple[bytes, str]:
        """One word of a value: a side, a spacing, a number of the matrix."""
        lines, rest = self.parts(content)
        at = int(rng.integers(0, len(lines) - 1))
        key, separator, value = lines[at].partition(self.separator)
        words = value.split(b" ")
        number = ODD_NUMBERS[rng.integers(0, len(ODD_NUMBERS))]
        kind = int(rng.integers(0, 4))
        if kind == 0:
            words.append(number)
        elif kind == 1 and len(words) > 1:
            words.pop()
        else:
            words[rng.integers(0, len(words))] = number
        lines[at] = key + separator + b" ".join(words)
        return b"\n".join([*lines, rest]), "odd number in the header"

    def other_lines(self, content: bytes, rng: Rng) -> tuple[bytes, str]:
        """Lines missing, twice, elsewhere, unknown, or in other letters."""
        lines, rest = self.parts(content)
        at = int(rng.integers(0, len(lines)))
        kind = int(rng.integers(0, 7))
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(int(rng.integers(0, len(lines))), lines[at])
        elif kind == 2:
            lines.insert(int(rng.integers(0, len(lines))), lines.pop(at))
        elif kind == 3:
            lines.insert(at, b"Unknown" + self.separator + rng.bytes(5).replace(b"\n", b""))
        elif kind == 4:
            lines[at] = lines[at].swapcase()
        elif kind == 5:
            return b"\r\n".join(lines) + b"\r\n" + rest, "lines of another system"
        else:
            lines.insert(at, b"" if rng.random() < 0.5 else b"#" * int(rng.integers(1, 100000)))
        return b"\n".join([*lines, rest]), "lines missing, twice or elsewhere"

    def setting(self, what: str, key: bytes, values: Sequence[bytes]) -> Change:
        """A change that gives a key one of some values."""

        def change(content: bytes, rng: Rng) -> tuple[bytes, str]:
            return self.put(content, key, values[rng.integers(0, len(values))]), what

        return change
