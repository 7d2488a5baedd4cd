"""The gateway as it stands in production: replicas behind nginx, reloads, stops, days of work, clocks that are set.

python -m benchmarks.fleet [--short] [--minutes N] [ROW ...]      a table, and benchmarks/results/fleet.json
"""
