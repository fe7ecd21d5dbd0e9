"""Text to speech: engines, phrases, confusable words."""
