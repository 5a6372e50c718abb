"""What can be wrong with how prompts are asked for."""

from medvision.pipelines.export.folder import ExportError


class PromptError(ExportError):
    """Prompts that cannot be made as asked; the message says what to do."""
