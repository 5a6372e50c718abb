"""Pages of docs/ that are made from the code: the output reference and the command line."""
