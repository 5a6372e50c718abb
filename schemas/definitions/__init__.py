"""What each column of a release means: one home for units and definitions, from which pages and metadata are made."""
