"""A release as a map-style dataset: images, targets and pixel spacings by number, for PyTorch or any other loop."""
