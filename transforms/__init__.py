"""From files to rows: plain functions that know no Beam, one idea a file."""
