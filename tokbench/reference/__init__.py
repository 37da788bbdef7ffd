"""Slow, readable twins, one per fast loop."""
