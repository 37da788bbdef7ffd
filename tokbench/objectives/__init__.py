"""Training objectives, one file per BPE variant."""
