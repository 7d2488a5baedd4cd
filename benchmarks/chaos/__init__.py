"""The gateway in front of sources that fail: a scripted run over real loopback servers, one row per kind of fault.

python -m benchmarks.chaos [--short] [ROW ...]      a table, and benchmarks/results/chaos.json
"""
