"""Tokenizer files, one module per format: bytes on disk ↔ :class:`~tokbench.bpe.BpeModel`."""
