"""Part `mutants`: every reader against files damaged by bits, in structure, and as files."""

from torture.mutants.assault import run

__all__ = ["run"]
