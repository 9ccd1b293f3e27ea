"""The thief's tools: they read files, memory and traffic as bytes, and count. None of them asks an accessor of ours."""
