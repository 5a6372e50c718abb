"""The texts of questions and answers: read from one TOML file, checked before a row is written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from medvision.pipelines.prompts.errors import PromptError
from medvision.schemas.prompts import NUMBERS, QUESTIONS

BUILT_IN = "templates.toml"
SHARED = "shared"
COMMON = ("description", "label", "modality", "plane", "width", "height", "pixel_width_mm", "pixel_height_mm", "unit")
LANDMARKS = ("points", "name", "directed")
FIELDS = {"question": str, "answer": str, "decimals": int}
MOST_DECIMALS = 12
SIZE = {"width": 448, "height": 336, "pixel_width_mm": "0.500", "pixel_height_mm": "0.750"}
SAMPLE: dict[str, Any] = {**dict.fromkeys(COMMON, "x"), **SIZE}
"""Facts of the types that a question has them in."""
_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def placeholders(kind: str) -> tuple[str, ...]:
    """What a question of a kind may name, beside the texts of [shared]."""
    return (*COMMON, *LANDMARKS) if kind in ("distance", "angle") else COMMON


@dataclass(frozen=True)
class Texts:
    """Templates of one kind of question."""

    shared: Mapping[str, Template]
    question: Template
    answer: Template
    decimals: int

    def ask(self, facts: Mapping[str, Any]) -> str:
        """The question, by its placeholders."""
        shared = {name: template.render(facts) for name, template in self.shared.items()}
        return self.question.render({**facts, **shared}).strip()

    def tell(self, target: Sequence[float]) -> str:
        """The answer: numbers with so many decimals, halves to even as Python rounds, never -0."""
        numbers = ", ".join(f"{round(value, self.decimals) + 0.0:.{self.decimals}f}" for value in target)
        return self.answer.render(numbers=numbers).strip()


@dataclass(frozen=True)
class Templates:
    """One file of templates; `where` names it in messages."""

    where: str
    tables: Mapping[str, Any]

    @cached_property
    def texts(self) -> dict[str, Texts]:
        """Texts by kind of question. Raises PromptError for the first thing in the file that is not as it must be."""
        unknown = set(self.tables) - {SHARED, *QUESTIONS}
        if unknown:
            raise PromptError(
                f"{self.where}: no kind of question is named [{min(unknown)}]; {', '.join(QUESTIONS)} are"
            )
        shared = {name: self._template(f"[{SHARED}] {name}", text) for name, text in self._table(SHARED).items()}
        for name in shared:
            if name in (*COMMON, *LANDMARKS):
                raise PromptError(f"{self.where}: [{SHARED}] {name} has the name of a placeholder; choose another")
        return {kind: self._texts(kind, shared) for kind in QUESTIONS}

    def _texts(self, kind: str, shared: Mapping[str, Template]) -> Texts:
        table = self._table(kind)
        for name in sorted(set(FIELDS) | set(table)):
            if name not in FIELDS:
                raise PromptError(f"{self.where}: [{kind}] has {name!r}; its fields are {', '.join(FIELDS)}")
            if not isinstance(table.get(name), FIELDS[name]) or isinstance(table[name], bool):
                raise PromptError(f"{self.where}: [{kind}] needs {name} ({FIELDS[name].__name__})")
        if not 0 <= table["decimals"] <= MOST_DECIMALS:
            raise PromptError(f"{self.where}: [{kind}] decimals = {table['decimals']}; give 0 to {MOST_DECIMALS}")
        known = placeholders(kind)
        named = self._names(f"[{kind}] question", table["question"], (*known, *shared))
        used = {name: shared[name] for name in sorted(named & set(shared))}
        for name in used:
            self._names(f"[{SHARED}] {name}, which [{kind}] uses,", self._table(SHARED)[name], known)
        if "numbers" not in self._names(f"[{kind}] answer", table["answer"], ("numbers",)):
            raise PromptError(f"{self.where}: [{kind}] answer lacks {{{{ numbers }}}}")
        question = self._template(f"[{kind}] question", table["question"])
        texts = Texts(used, question, self._template(f"[{kind}] answer", table["answer"]), table["decimals"])
        self._try(kind, texts)
        return texts

    def _try(self, kind: str, texts: Texts) -> None:
        """Fill it in once with each choice, so that a wrong `points[9]` is found now and not after an hour."""
        for filled in ("", "x"):
            facts = SAMPLE | {"description": filled}
            if kind in ("distance", "angle"):
                points = ["a", "b"] if kind == "distance" else ["a", "b", "c", "d"]
                facts |= {"points": points, "name": filled, "directed": bool(filled)}
            try:
                asked = texts.ask(facts)
                texts.tell([0.5] * NUMBERS[kind])
            except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
                raise PromptError(f"{self.where}: [{kind}] cannot be filled in: {error}") from None
            if not asked:
                raise PromptError(f"{self.where}: [{kind}] question is empty")

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self.tables.get(name, {} if name == SHARED else None)
        if not isinstance(table, dict):
            raise PromptError(f"{self.where} has no table [{name}]; copy it from the built-in file")
        return table

    def _names(self, place: str, text: str, known: Sequence[str]) -> set[str]:
        named = meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
        for name in sorted(named - set(known)):
            raise PromptError(f"{self.where}: {place} names {{{{ {name} }}}}; it may name {', '.join(known)}")
        return named

    def _template(self, place: str, text: Any) -> Template:
        if not isinstance(text, str):
            raise PromptError(f"{self.where}: {place} is no text")
        try:
            return _ENVIRONMENT.from_string(text)
        except TemplateError as error:
            raise PromptError(f"{self.where}: {place} is no Jinja template: {error}") from None


def load_templates(path: str = "") -> Templates:
    """Templates of a local TOML file, "" for the built-in one, checked.

    Raises:
        PromptError: The file cannot be read, is no TOML, lacks a kind, or names an unknown placeholder.
    """
    if path:
        where = f"templates {path}"
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PromptError(f"{where} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    else:
        where, text = "built-in templates", resources.files(__package__).joinpath(BUILT_IN).read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PromptError(f"{where} is no TOML: {error}") from None
    templates = Templates(where, tables)
    _ = templates.texts
    return templates
