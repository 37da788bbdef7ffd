"""How sure a number is: resampling of documents, intervals, paired differences, and what a ranking depends on."""
