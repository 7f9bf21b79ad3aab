"""Invocations on their way: many side by side, refused ones at a pace, wide fan-outs in a tree."""
