"""Fine-tuning: configuration, training examples, features, strategies, the loop."""
