"""Unpacking of archives that nobody has looked into: all of it under its final name, or nothing."""
