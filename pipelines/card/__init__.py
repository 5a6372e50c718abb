"""The dataset card of a release: README.md with the Hugging Face front matter, made from what was published."""
