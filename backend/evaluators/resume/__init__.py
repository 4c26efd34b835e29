"""Runs that go on where an earlier one ended: the answers of a model are kept as they come, and not asked for again.

The harness itself runs from its beginning each time, so that tasks, scores and samples are made by the same code from
the same answers. keys.py says what an answer depends on, records.py keeps it, keeper.py stands between harness and
model.
"""
