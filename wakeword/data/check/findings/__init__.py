"""The checks of a data set: one module per kind of finding."""
