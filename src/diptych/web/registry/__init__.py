"""The registry over HTTP, with the agency's key service."""
