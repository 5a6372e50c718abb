"""Publishers' layouts, one module a quirk; each writes its datasets and records what a build must find in them."""
