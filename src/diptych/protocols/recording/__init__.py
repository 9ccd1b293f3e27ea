"""Having acts recorded in the public log: what writers submit, what the log answers (docs/spec/recording.md)."""
