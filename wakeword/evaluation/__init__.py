"""What a model does on streams: events, rates and their intervals, pictures."""
