"""The auditor: an accredited third party, offline, that changes nothing."""
