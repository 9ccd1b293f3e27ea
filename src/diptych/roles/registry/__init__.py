"""The registry: stores sealed records and lookup tags, has every act logged, and opens nothing."""
