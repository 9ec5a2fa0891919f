"""Benchmarks: ``python -m tests.bench.NAME --json``; the last line of standard output is JSON.

They report medians and ratios to a limit measured in the same run. They never decide whether a test passes.
"""
