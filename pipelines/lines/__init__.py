"""Rows of a release as lines of text."""
