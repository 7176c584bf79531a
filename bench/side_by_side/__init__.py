"""synthgen and its peers on one simulator, in turns: `python -m bench.side_by_side`, or `make bench-peers`."""
