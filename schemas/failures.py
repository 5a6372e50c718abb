"""What ends a build that had begun: never a bad case, always the environment or a defect."""

from __future__ import annotations

from medvision.schemas.secrets import without_secrets

KEPT = "what is finished is kept: run the same build again"


class BuildFailed(RuntimeError):
    """A build stopped part-way. What is finished is kept, and the same build goes on from there."""

    @classmethod
    def because(cls, error: Exception) -> BuildFailed:
        """From an error of a step: the last line of its text, since runners hand on whole tracebacks."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = next((line for line in reversed(lines) if "Error" in line), "")
        if not cause:  # runners hand errors on as RuntimeErrors; of others the text may be no more than a path
            name = [] if type(error) is RuntimeError and lines else [type(error).__name__]
            cause = ": ".join([*name, *lines[-1:]])
        return cls(f"stopped by {without_secrets(cause)}; {KEPT}")


class StorageError(BuildFailed, OSError):
    """A store did not do what was asked of it: an environment fault, which never becomes a dead letter.

    Attributes:
        passing: Whether the cause is of a kind that passes, such as a lost connection.
    """

    passing = False

    @classmethod
    def because_of(cls, what: str, error: BaseException, passing: bool) -> StorageError:
        """From what was asked, as "read gs://bucket/name", and the last error: one line."""
        text = without_secrets(" ".join(str(error).split()))
        failed = cls(f"could not {what}: {type(error).__name__}{': ' if text else ''}{text[:300]}")
        failed.passing = passing
        return failed
