"""Corpora: loaders, cards and the built-in sample."""
