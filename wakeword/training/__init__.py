"""From clips to a model: scenes, features, what learns, and the loop."""
