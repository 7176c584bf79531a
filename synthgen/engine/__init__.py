"""Runs a job: what is planned, asked, judged and committed. The arrows between its shelves are a table in
`docs/design.md`, held by `tests/contracts/test_floors.py`."""
