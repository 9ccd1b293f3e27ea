"""The issuer: signs documents and hands them to wallets, out of orders that it cannot read on its own."""
