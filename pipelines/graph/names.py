"""Names of element types, as people write them: `(str, [Case])`."""

# No `from __future__ import annotations` here: this module imports Beam.

import inspect
from typing import Any, get_args, get_origin, get_type_hints

import apache_beam as beam
from apache_beam.typehints import typehints
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type

from medvision.transforms.plan import Bucket
from medvision.transforms.split import NumberedSplit

ALIASES = ((convert_to_beam_type(Bucket), "Bucket"), (convert_to_beam_type(NumberedSplit), "NumberedSplit"))
"""Types that have a name in this project, which Beam's hints have lost."""


def type_name(hint: Any) -> str:
    """A Beam type hint: tuples in (), lists and iterables in [], dicts in {}, classes by their bare name."""
    for alias, name in ALIASES:
        if hint == alias:
            return name
    if isinstance(hint, typehints.TupleHint.TupleConstraint):
        return f"({', '.join(type_name(part) for part in hint.tuple_types)})"
    if isinstance(hint, typehints.DictConstraint):
        return f"{{{type_name(hint.key_type)}: {type_name(hint.value_type)}}}"
    if isinstance(hint, typehints.IterableTypeConstraint | typehints.SequenceTypeConstraint):
        return f"[{type_name(hint.inner_type)}]"
    return str(getattr(hint, "__name__", hint))


def side_input_hint(fn: beam.DoFn, place: int, side: beam.pvalue.AsSideInput) -> Any:
    """Beam type of a side input's elements, by what the DoFn that reads it says.

    Tagged outputs are of type Any to Beam; their readers know better.

    Args:
        fn: A DoFn.
        place: Which of its side inputs, from 0.
        side: The side input.
    """
    hints = get_type_hints(fn.process)
    after_element = list(inspect.signature(fn.process).parameters)[1:]
    given = hints.get(after_element[place], Any) if place < len(after_element) else Any
    parts = get_args(given)
    if isinstance(side, beam.pvalue.AsDict) and get_origin(given) is dict:
        given = tuple[parts]  # type: ignore[valid-type]
    elif isinstance(side, beam.pvalue.AsList | beam.pvalue.AsIter) and parts:
        given = parts[0]
    return convert_to_beam_type(given)
