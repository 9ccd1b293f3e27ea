"""OpenID for Verifiable Presentations 1.0 under HAIP 1.0, by redirect, both sides.

`request_object` asks, `dcql` says what for, `zk` names proof systems, `registration` says what a verifier may ask,
`response` answers. Who decides is left to the roles.
"""
