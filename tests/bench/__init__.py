"""Benchmarks: what they measure is in each file's docstring; `make bench BENCH=name` runs one."""
