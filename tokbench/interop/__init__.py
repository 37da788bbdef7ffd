"""Other libraries behind our types; heavy imports happen inside functions."""
