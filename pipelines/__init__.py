"""Whole jobs: check, build, validate, inspect, stats, diff, and the command line."""
