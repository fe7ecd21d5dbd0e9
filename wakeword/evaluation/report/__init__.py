"""Presentation of results: number formats, terminal tables, JSON, HTML and plots."""
