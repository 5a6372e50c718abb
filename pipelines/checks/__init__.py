"""The checks that `validate` runs, one kind of promise a file."""
