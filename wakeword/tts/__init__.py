"""Text to speech: voices of four offline engines, sentences, and confusable phrases."""
