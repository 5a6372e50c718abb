"""One declarative table per public dataset."""
