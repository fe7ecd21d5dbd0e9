"""The demonstration on synthetic speech: data set, training, measuring, a held-out recording."""
