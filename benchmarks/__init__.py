"""The project's own benchmarks: `make bench`, or `python -m benchmarks --help`."""
