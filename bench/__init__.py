"""Benchmarks: filehaul beside the tools that people use today. ``python -m bench``, `make bench`.

Everything runs on this machine's loopback and in temporary folders (of memory, where there is
``/dev/shm``); nothing is left behind. All contenders of a table take turns against one server, and
only ratios of medians mean anything: seconds belong to the machine. See docs/benchmarks.md.
"""
