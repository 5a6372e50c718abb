"""What prompts are asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from medvision.pipelines.prompts.errors import PromptError
from medvision.schemas.prompts import QUESTIONS
from medvision.transforms.processor_sizes import PROCESSORS, Resized, Size, smart_resize
from medvision.transforms.split import SIDES

FORMATS = ("parquet", "jsonl")
TARGETS = ("upstream", "exact")
INSTANCES = ("single", "all")


@dataclass(frozen=True)
class PromptOptions:
    """Which questions are asked, and how.

    Attributes:
        form: "parquet", or "jsonl" with PNG files beside it.
        configs: Globs of upstream's config names; none means all.
        splits: Splits of the pairs, as their configs name them.
        kinds: Kinds of questions, of QUESTIONS.
        per_config: Pairs of a config at most, chosen by a stable hash of their ids; 0 for all.
        instances: "single" takes the pairs of upstream's default set, "all" every pair.
        targets: "upstream" as its benchmark has them, oddities included; "exact" true edges and exact axes.
        processor: Key of PROCESSORS whose size is stated; "" states the picture's own.
        min_pixels, max_pixels: Bounds of a processor that has them, 0 for its own.
        image_size: (height, width) that slices are resized to, None for their own.
        orientation: As of `render`.
        templates: TOML file of texts; "" for the built-in ones.
    """

    form: str = "parquet"
    configs: tuple[str, ...] = ()
    splits: tuple[str, ...] = SIDES
    kinds: tuple[str, ...] = QUESTIONS
    per_config: int = 0
    instances: str = "single"
    targets: str = "upstream"
    processor: str = ""
    min_pixels: int = 0
    max_pixels: int = 0
    image_size: Size | None = None
    orientation: str = "array"
    templates: str = ""

    def resized(self, size: Size) -> Resized:
        """What the processor makes of a picture. Raises ProcessorError for one that it refuses."""
        if not self.processor:
            return Resized(size, size)
        rule = PROCESSORS[self.processor].resize
        bounds = {name: value for name in ("min_pixels", "max_pixels") if (value := getattr(self, name))}
        return rule(size, **bounds)  # type: ignore[call-arg]

    def check(self) -> None:
        """Raises PromptError for values that mean nothing."""
        for name, value, known in (
            ("format", self.form, FORMATS),
            ("targets", self.targets, TARGETS),
            ("instances", self.instances, INSTANCES),
            ("orientation", self.orientation, ("array", "radiological")),
            ("processor", self.processor, ("", *PROCESSORS)),
        ):
            if value not in known:
                raise PromptError(f"{name} {value!r} is none of {', '.join(filter(None, known))}")
        rule: Any = PROCESSORS[self.processor].resize if self.processor else None
        bounded = isinstance(rule, partial) and rule.func is smart_resize
        if (self.min_pixels or self.max_pixels) and not bounded:
            raise PromptError(
                "--min-pixels and --max-pixels are for processors of Qwen and GLM: name one by --processor"
            )
        if bounded:
            low, high = (getattr(self, name) or rule.keywords[name] for name in ("min_pixels", "max_pixels"))
            if low > high:
                raise PromptError(f"--min-pixels {low} is over the most, {high}")

    def to_json(self) -> dict[str, Any]:
        """For the note; of the templates only whether they are the built-in ones, since their path is the machine's."""
        shown = asdict(self)
        return {**shown, "templates": "own" if self.templates else "built-in"}
