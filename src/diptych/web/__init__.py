"""Floor 5: HTTP. Handlers read, parse, call one use-case and render."""
