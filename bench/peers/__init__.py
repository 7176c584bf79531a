"""Other people's tools asked to do the same work, one small script a tool, each run by an environment of its own.

Here is only what speaks to a peer; how peers are installed, run in turns and compared is `bench.side_by_side`.
"""
