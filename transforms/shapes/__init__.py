"""Geometry of masks: borders, moments, calipers and diameters, in pixels and millimetres."""
