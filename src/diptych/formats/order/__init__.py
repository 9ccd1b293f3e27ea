"""Orders: attributes approved for issuance, sealed so that only the citizen's code opens them (docs/spec/order.md)."""
