"""Rows of a release in the formats of other tools: one module a format, each a stream from annotation files."""
