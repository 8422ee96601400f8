"""Headwater beside what one would use instead: `python -m comparison`, or `nox -s benchmarks`.

Every figure is measured in a process of its own; the order of all measurements is shuffled.
"""
