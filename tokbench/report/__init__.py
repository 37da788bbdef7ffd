"""Tables, charts and reports for people."""
