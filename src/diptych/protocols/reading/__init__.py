"""Reading a public log from its static files: whoever serves them is not trusted."""
