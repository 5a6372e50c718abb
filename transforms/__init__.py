"""From files to rows: one idea a file. Only `beam.py`-free plain functions measure; PTransforms only wire."""
