"""One reader a file format; `registry` finds it by the ending of a path."""
