"""What flows through the pipeline: frozen dataclasses, and the Arrow schema of each beside it."""
