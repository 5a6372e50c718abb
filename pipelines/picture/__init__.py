"""Annotated pictures of slice rows, for people: what `medvision view` and `medvision report` draw."""
