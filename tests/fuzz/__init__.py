"""Mutated files of many kinds, and what they must not do to what reads them."""
