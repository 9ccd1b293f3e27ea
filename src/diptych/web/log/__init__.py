"""The log over HTTP: submissions in, public files out."""
