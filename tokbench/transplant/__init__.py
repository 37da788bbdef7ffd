"""Transplantation: a language model's body with another tokenizer, its rows copied exactly where that is possible.

`matching` says which new token is which old one, a `method` plans the rows of the others as combinations of old rows
(`plan.RowPlan`), `apply` makes the matrices, `model_dir` reads and writes model directories whole or not at all.
"""
