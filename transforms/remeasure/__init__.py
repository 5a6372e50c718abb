"""Slice rows as another set of rules would have them, from what the rows carry: no raw file is read."""
