"""Measured figures: `python -m tests.benchmarks` prints a table and writes bench.json. None of them is a test."""
