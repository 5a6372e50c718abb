"""Damage to a case as files: exchanged, missing, folders and pipes in their place, links to nowhere, odd names."""

from torture.mutants.attack import Files, Folder, Link, Pipe, Rng, Way, one_of

ODD_NAMES = {
    "a very long name": "case_" + "x" * 240,
    "a long name of two-byte letters": "case_" + "é" * 115,
    "a name of other scripts": "case_患者①Ж\u202eאب\u0301🫀",
    "a name with white space": "case_ \t\n\r x",
    "a name with quotes and brackets": "case_'\"`${x}{case}<b>&%s\\",
    "a name that is no UTF-8": b"case_\xff\xfe\x80".decode("utf-8", "surrogateescape"),
    "a name of dots": "case_....",
}


def exchange(files: Files, rng: Rng) -> tuple[Files, str]:
    """Image and mask each under the other's name, or one under both."""
    first, second = sorted(files)[:2]
    kept = dict(files)
    turn = int(rng.integers(0, 3))
    if turn != 1:
        files[first] = kept[second]
    if turn != 0:
        files[second] = kept[first]
    return files, ("mask as image too", "image as mask too", "swapped image and mask")[turn]


def missing(files: Files, rng: Rng) -> tuple[Files, str]:
    """One of several files."""
    del files[one_of(files, rng)]
    return files, "missing file"


def no_file(files: Files, rng: Rng) -> tuple[Files, str]:
    """Something else stands in place of a file."""
    path = one_of(files, rng)
    kinds: dict[str, Folder | Pipe | Link] = {
        "named pipe as file": Pipe(),
        "dangling link": Link("nowhere/at/all"),
        "link to itself": Link(path.rsplit("/", 1)[-1]),
        "link to a directory": Link(".."),
    }
    if len(files) > 1:  # else there would be no case to speak of
        kinds["directory as file"] = Folder()
    kind = str(rng.choice(sorted(kinds)))
    files[path] = kinds[kind]
    return files, kind


def odd_name(files: Files, rng: Rng) -> tuple[Files, str]:
    """The case under another name."""
    kind = str(rng.choice(sorted(ODD_NAMES)))
    return {path.replace("case_1", ODD_NAMES[kind]): content for path, content in files.items()}, kind


def odd_folder(files: Files, rng: Rng) -> tuple[Files, str]:
    """The case below a folder of an odd name."""
    kind = str(rng.choice(sorted(ODD_NAMES)))
    return {f"{ODD_NAMES[kind]}/{path}": content for path, content in files.items()}, f"below {kind}"


def ways() -> tuple[Way, ...]:
    return (exchange, missing, no_file, no_file, odd_name, odd_folder)
