"""The log's writer: puts acts into the public log, in an order of steps that no crash can turn into two histories."""
