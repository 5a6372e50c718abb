"""PipelineOptions presets, one file an engine. Runners know no datasets."""
