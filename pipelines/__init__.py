"""Whole jobs: build, validate, inspect, and the command line."""
