"""The pipeline of a build as a picture: its steps, what flows between them, and what the local runner fuses."""
