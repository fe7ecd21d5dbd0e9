"""Evaluation results as text, JSON, HTML and plots."""
