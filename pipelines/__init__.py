"""Whole jobs on raw data and releases (fetch, check, build, validate, report, export, ...) and the command line."""
