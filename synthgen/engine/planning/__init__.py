"""The job made ready, before the first request: rows, prompts, which class and seeds each slot gets, how much to ask.

A slot is named by its class and its *ordinal* within the class. Nothing about a slot depends on the other classes or
on the targets, so raising a target or adding a class never changes a slot that was already paid for.
"""
